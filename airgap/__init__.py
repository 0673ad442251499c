"""Brings up what `pulumi up` needs on a machine that reaches nothing but package registries."""
