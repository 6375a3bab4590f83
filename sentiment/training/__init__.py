"""Train the shipped checkpoint: base, vocabulary, tuning, calibration, figures, packing."""
