"""What a finished build left behind: its manifest, and a reader a module for what is read of it. Judges nothing."""
