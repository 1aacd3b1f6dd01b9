# Recipes for people; they call the same scripts as CI and the container.

set positional-arguments

# list the recipes
default:
    @just --list

# start the service (the demo when nothing is configured)
run *args:
    ./scripts/run "$@"

# the whole service against a simulated universe, no tokens needed
demo *args:
    ./scripts/run demo "$@"

# everything CI checks; arguments go to pytest
test *args:
    ./scripts/test "$@"

# lint, types and import rules only
check:
    ./scripts/check

# format and mend what can be mended
fmt:
    scripts/venv tests/requirements.lock
    .venv/bin/ruff format .
    .venv/bin/ruff check --fix .

# write the lock files anew from pyproject.toml (needs uv)
lock:
    uv pip compile -q pyproject.toml --group build --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -o requirements.lock
    uv pip compile -q pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -o tests/requirements.lock

# write .env.example and CONFIGURATION.md anew from the table of variables
docs:
    .venv/bin/python -m wanderer_notifier.config.report

# show the effective configuration, secrets masked
config:
    ./scripts/run check-config

alias check-config := config

# ask everybody the service depends on; permissions in each channel, registered commands
check-discord *args:
    ./scripts/run doctor "$@"

# post a silent message into each configured channel and delete it again
test-message:
    ./scripts/run doctor --send-test-message

# is the running service healthy?
health:
    ./scripts/run health

# is it ready, every upstream included?
ready:
    ./scripts/run health --ready

# what the running service is: version, features, parts
info:
    @curl -fsS "http://localhost:${PORT:-4000}/api/system/info"

# what it did, and how its connections are
status:
    @curl -fsS "http://localhost:${PORT:-4000}/api/status"

# kill the service with SIGKILL at 50 random moments and count what arrives
crash *args:
    scripts/venv tests/requirements.lock
    .venv/bin/python -m pytest tests/service/test_crash.py --crashes 50 --timeout 1800 "$@"

# 100,000 kills in virtual time, and whether memory grows; an argument is another number of kills
soak kills="100000":
    scripts/venv tests/requirements.lock
    SOAK_KILLS={{kills}} .venv/bin/python -m pytest tests/service/test_host_trouble.py -k o14 -s

# check what was deployed; arguments such as --quick, --json, --checklist
verify *args:
    ./scripts/production_deployment_verification.sh "$@"

# copy the database of the running service to a new file or into a folder
backup file:
    ./scripts/run backup {{file}}

# put a backup in the place of the database; the service must not run
restore file:
    ./scripts/run restore {{file}}

# two hours of broken feeds in virtual time, 100 times
chaos *args:
    scripts/venv tests/requirements.lock
    .venv/bin/python -m pytest tests/service/test_chaos.py --chaos-seeds 100 --timeout 1800 --durations 3 "$@"

# 200 virtual days of a bad Discord gateway, 10,000 reconnects, bursts of 50,000 events
chaos-gateway *args:
    scripts/venv tests/requirements.lock
    .venv/bin/python -m pytest tests/discord/test_gateway_chaos.py tests/discord/test_session_socket.py tests/discord/test_session_figures.py --gateway-seeds 200 --timeout 3600 "$@"

# 200,000 spoilt inputs for the parsers; arguments such as --seed 2
fuzz *args:
    scripts/venv tests/requirements.lock
    .venv/bin/python -m tests.fuzz.run "$@"

# how long the slow cases of the core take
bench:
    scripts/venv tests/requirements.lock
    .venv/bin/python scripts/bench

# break the rules on purpose and see whether the tests notice; arguments such as --jobs 4 rules.py
mutate *args:
    scripts/venv tests/requirements.lock
    .venv/bin/python scripts/mutate "$@"

# take tests/pictures anew from the demo (needs chromium, and uv for Pillow)
pictures:
    scripts/venv tests/requirements.lock
    uv run --no-project --with pillow python scripts/pictures

# the container image, tagged with its version and `latest`; BASE=image@sha256:... pins what it builds on
image *args:
    ./scripts/image "$@"

# build the image and start it: user, read-only root, health, messages, SIGTERM, volume (needs root and buildah)
test-image *args:
    ./scripts/test-image "$@"

# the container as DEPLOYMENT.md starts it, with the .env and ./priv of this folder
up *args:
    podman run -d --name wanderer-notifier --env-file .env -p "${PORT:-4000}:${PORT:-4000}" -v ./priv:/app/priv:Z \
      --read-only --tmpfs /tmp --cap-drop=all --security-opt=no-new-privileges \
      --memory 256m --cpus 0.5 --restart on-failure:5 --stop-timeout 15 "$@" wanderer-notifier

# stop the container and remove it; ./priv stays
down:
    podman stop wanderer-notifier
    podman rm wanderer-notifier

# end the service in the container and start it again
restart:
    podman restart wanderer-notifier

# the container, running or not
ps:
    podman ps --all --filter name=wanderer-notifier

# its log; arguments such as --follow
logs *args:
    podman logs "$@" wanderer-notifier

# the image to a registry: `just push registry.example/team`
push registry:
    podman push wanderer-notifier:latest "{{registry}}/wanderer-notifier:latest"

# known weaknesses of the image; needs trivy or grype
scan image="wanderer-notifier:latest":
    ./scripts/audit --image "{{image}}"

# lose the database, restore the backup, time it
dr-drill:
    scripts/venv tests/requirements.lock
    .venv/bin/python -m pytest tests/service/test_restore_drill.py -s

# everything for a machine without this checkout: dist/wanderer-notifier-VERSION.tar.gz
release:
    ./scripts/release

# install that archive as its manual says, and run it
test-release: release
    ./scripts/test-release

# what is in it: dist/sbom.cdx.json
sbom:
    ./scripts/audit --sbom

# known weaknesses of the dependencies; `just audit --image NAME` for an image
audit *args:
    ./scripts/audit "$@"
