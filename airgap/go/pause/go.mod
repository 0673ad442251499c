module airgap/pause

go 1.26
