"""The parts of the fine-tuning benchmark: who runs, one run, its record, and the tables made of the records."""
