"""The loop: scene, targets, stages and steps, within the memory there is."""
