#!/usr/bin/env bash
# What server/deploy hands out, tried: the Kubernetes manifest is decoded strictly, the Debian package built, and, as root on
# Debian, installed, run by hand and by socket activation, upgraded and purged. Whatever it installs it takes away again.
#
#	bash .ci/deploy/check.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
top="$(pwd)"
scratch="$(mktemp -d)"
chmod 755 "$scratch"
server= installed=
cleanup() {
	[[ -z "$server" ]] || { kill "$server" && wait "$server"; } 2>/dev/null || true
	if [[ -n "$installed" ]]; then
		dpkg --purge akin >/dev/null 2>&1 || true
		rm -rf /var/lib/akin /etc/akin
		userdel akin 2>/dev/null || true
	fi
	rm -rf "$scratch"
}
trap cleanup EXIT
fail() { printf 'deploy: %s\n' "$*" >&2; exit 1; }
say() { printf '%s\n' "$*"; }

say "Kubernetes manifest, decoded strictly"
(cd .ci/deploy && go vet ./... && AKIN_MANIFEST_SETTINGS="$scratch/manifest.toml" go test -count=1 ./...)

mkdir "$scratch/build"
CGO_ENABLED=0 go build -trimpath -ldflags=-s -o "$scratch/build/" ./server ./client/cmd/akin
"$scratch/build/server" token new reader --role read 2>/dev/null >"$scratch/tokens.toml"
AKIN_SERVER_TLS_CERT='' AKIN_SERVER_TLS_KEY='' AKIN_SERVER_INSECURE=true AKIN_SERVER_TOKENS_FILE="$scratch/tokens.toml" \
	"$scratch/build/server" --config "$scratch/manifest.toml" --check-config 2>"$scratch/log" || fail "the manifest's settings: $(cat "$scratch/log")"
"$scratch/build/server" --config server/deploy/akin.toml --check-config 2>"$scratch/log" || fail "akin.toml: $(cat "$scratch/log")"

say "Debian package"
arch="$(go env GOARCH)"
go -C .ci/deploy build -o "$scratch/nfpm" github.com/goreleaser/nfpm/v2/cmd/nfpm
for version in 0.0.1 0.0.2; do
	BUILD="$scratch/build" VERSION="$version" ARCH="$arch" "$scratch/nfpm" package -f server/deploy/nfpm.yaml -p deb -t "$scratch/" >/dev/null
done
one="$(echo "$scratch"/akin_0.0.1*.deb)" two="$(echo "$scratch"/akin_0.0.2*.deb)"

for reason in \
	"$([[ "$(id -u)" == 0 ]] || echo 'it needs root')" \
	"$(command -v dpkg >/dev/null || echo 'it needs dpkg')" \
	"$([[ ! -d /run/systemd/system ]] || echo 'a systemd runs here, and would start what is installed')" \
	"$(for f in /etc/akin /var/lib/akin /usr/bin/akin-server /usr/bin/akin; do [[ ! -e $f ]] || echo "there is a $f already"; done)"; do
	if [[ -n "$reason" ]]; then
		say "installing it: skipped, $reason"
		exit 0
	fi
done

installed=yes
dpkg -i "$one" >"$scratch/log" 2>&1 || fail "dpkg -i: $(cat "$scratch/log")"
[[ "$(stat -c '%U:%G %a' /var/lib/akin)" == "akin:akin 750" ]] || fail "/var/lib/akin is $(stat -c '%U:%G %a' /var/lib/akin)"
[[ "$(stat -c '%U:%G %a' /etc/akin/akin.toml)" == "root:akin 640" ]] || fail "akin.toml is $(stat -c '%U:%G %a' /etc/akin/akin.toml)"

unit=/usr/lib/systemd/system/akin.service
if command -v systemd-analyze >/dev/null; then
	systemd-analyze verify "$unit" "${unit%.service}.socket" || fail "the units do not verify"
	systemd-analyze security --offline=true --threshold=15 "$unit" >"$scratch/log" || fail "the unit is exposed: $(tail -1 "$scratch/log")"
	tail -1 "$scratch/log"
else
	say "checking the units: skipped, it needs systemd-analyze"
fi

# The unit's own lines, as its user and with its environment; a free port each time. freePort names one.
freePort() { local p; while p=$((20000 + RANDOM)); (: <"/dev/tcp/127.0.0.1/$p") 2>/dev/null; do :; done; echo "$p"; }
asUnit=(setpriv --reuid akin --regid akin --clear-groups --no-new-privs env -i
	"$(sed -n 's/^Environment=//p' "$unit")" AKIN_SERVER_METRICS_ADDR=127.0.0.1:0)
begin() { # the port to serve on, then what to run
	local port="$1"; shift
	"${asUnit[@]}" AKIN_SERVER_ADDR="127.0.0.1:$port" "$@" 2>"$scratch/server.log" &
	server=$!
	for _ in $(seq 100); do
		if AKIN_ADDR="127.0.0.1:$port" akin stats >"$scratch/stats" 2>&1; then return; fi
		kill -0 "$server" 2>/dev/null || break
		sleep .1
	done
	fail "the server does not answer: $(cat "$scratch/server.log" "$scratch/stats")"
}
end() { kill "$server"; wait "$server" || fail "the server ended badly: $(tail -5 "$scratch/server.log")"; server=; }
exec_start="$(sed -n 's/^ExecStart=//p' "$unit")"

"${asUnit[@]}" $(sed -n 's/^ExecStartPre=//p' "$unit") 2>"$scratch/log" || fail "ExecStartPre: $(cat "$scratch/log")"
port="$(freePort)"
begin "$port" $exec_start
AKIN_ADDR="127.0.0.1:$port" akin import server/internal/sample/papers.jsonl >"$scratch/log" 2>&1 || fail "import: $(cat "$scratch/log")"
"${asUnit[@]}" AKIN_SERVER_ADDR="127.0.0.1:$port" /usr/bin/akin-server health || fail "health"
end
say "installed, and its ExecStart run by hand"

if command -v systemd-socket-activate >/dev/null; then
	port="$(freePort)"
	# --setenv passes what env -i took away.
	begin "$port" systemd-socket-activate -E AKIN_SERVER_DATA -E AKIN_SERVER_METRICS_ADDR -l "127.0.0.1:$port" $exec_start
	AKIN_ADDR="127.0.0.1:$port" akin search "neural networks" >"$scratch/found" 2>&1 || fail "search: $(cat "$scratch/found")"
	grep -q "\"address\":\"127.0.0.1:$port\"" "$scratch/server.log" || fail "it does not serve the port that was passed: $(cat "$scratch/server.log")"
	end
	say "served by socket activation"
else
	say "socket activation: skipped, it needs systemd-socket-activate"
fi

echo '# the administrator was here' >>/etc/akin/akin.toml
dpkg -i "$two" >"$scratch/log" 2>&1 </dev/null || fail "upgrade: $(cat "$scratch/log")"
[[ "$(dpkg-query -W -f '${Version}' akin)" == 0.0.2* ]] || fail "the upgrade left $(dpkg-query -W akin)"
grep -q 'the administrator was here' /etc/akin/akin.toml || fail "the upgrade took the administrator's settings away"
port="$(freePort)"
begin "$port" $exec_start
papers="$(wc -l <server/internal/sample/papers.jsonl)"
grep -q "$papers" "$scratch/stats" || fail "after the upgrade there are not $papers papers: $(cat "$scratch/stats")"
end
dpkg -i "$one" >"$scratch/log" 2>&1 </dev/null || fail "rollback: $(cat "$scratch/log")"
say "upgraded and rolled back, with its papers and settings"

dpkg --remove akin >"$scratch/log" 2>&1 || fail "remove: $(cat "$scratch/log")"
[[ ! -e /usr/bin/akin-server && -e /etc/akin/akin.toml && -e /var/lib/akin/papers.db ]] || fail "removing took too much or too little away"
dpkg --purge akin >"$scratch/log" 2>&1 || fail "purge: $(cat "$scratch/log")"
[[ ! -e /etc/akin/akin.toml && -e /var/lib/akin/papers.db ]] || fail "purging took too much or too little away"
[[ -z "$(find /etc/systemd /var/lib/systemd/deb-systemd-helper-* -name 'akin*' 2>/dev/null)" ]] || fail "purging left links to the units"
grep -q 'kept the papers' "$scratch/log" || fail "purging does not say where the papers are"
say "removed and purged; the papers stayed until this check took them away"
cd "$top"
