"""Brings up what `pulumi up` needs on a machine that reaches only package registries."""
