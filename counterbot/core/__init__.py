"""What counterbot knows about the world, and how it decides.

Everything in here is a function of its arguments: no clock, socket, file, environment,
logging or thread, and nothing but the standard library. ``tests/test_layers.py`` holds that.
"""
