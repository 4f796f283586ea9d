"""`--losses`: every loss at every step, as a table or a plot."""
