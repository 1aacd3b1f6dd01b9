# The names that an older checklist uses; everything else is in the justfile.
.PHONY: docker.build release
docker.build: ; @scripts/image
release: ; @scripts/release
