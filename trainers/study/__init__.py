"""A study with people: which of two pictures is the photograph?"""
