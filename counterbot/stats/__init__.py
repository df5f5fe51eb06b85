"""What counters show over many runs: arrays in, frozen values out. Pure numerics, without a clock, file or database."""
