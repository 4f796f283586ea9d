"""What to paint: every knob, the recipe that holds them, the stages that follow, and how a result keeps its recipe."""
