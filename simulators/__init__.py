"""A simulated estate with ground truth, recording and replay. It talks to the pipeline only through the broker."""
