"""Workflows: graphs of steps, checked before they are saved, approved before they run, carried out under a lease."""
