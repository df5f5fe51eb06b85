"""Tests that meet the real programs, each started here on a free port of 127.0.0.1. A missing program is a failure."""
