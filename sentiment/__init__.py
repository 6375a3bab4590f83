"""What posts say of a brand: texts in, verdicts out. torch lives in this room only."""
