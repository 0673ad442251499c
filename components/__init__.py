"""TaskFlow on Kubernetes as typed Pulumi components."""
