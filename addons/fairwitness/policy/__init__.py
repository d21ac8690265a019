"""May it go out?"""
