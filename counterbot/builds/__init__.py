"""What a finished build left behind: a reader a module for what is read of it. Judges nothing."""
