#!/usr/bin/env bash
# Checks a deployment after it was made; the same as `wanderer-notifier verify`, whose options it takes (--help).
# Variables: HEALTH_ENDPOINT (http://localhost:4000/health), TIMEOUT (30), RETRY_COUNT (5), RETRY_DELAY (10), ENV_FILE.
# Ends with 0 when nothing failed, 1 when something did, 2 on wrong usage, 3 on warnings only with --strict.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# A checkout that was set up has the program in its .venv; an image or a wheel has it on the PATH.
if [ -x "$here/.venv/bin/wanderer-notifier" ]; then
  exec "$here/.venv/bin/wanderer-notifier" verify "$@"
elif command -v wanderer-notifier >/dev/null; then
  exec wanderer-notifier verify "$@"
elif [ -x "$here/scripts/run" ]; then
  exec "$here/scripts/run" verify "$@"
fi
echo "[ERROR] wanderer-notifier is not installed here; in a container: podman exec NAME wanderer-notifier verify" >&2
exit 1
