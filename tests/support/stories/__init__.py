"""Stories (given, when, then) of each noun, used by several test folders."""
