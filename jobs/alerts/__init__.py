"""What is wrong, told to people who don't look: once when it begins, once when it is over."""
