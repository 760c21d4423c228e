"""What is written anew: names, parameter lists, and the last gate before anybody sees it."""
