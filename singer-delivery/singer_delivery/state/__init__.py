"""What is kept between runs: checkpoints and fingerprints."""
