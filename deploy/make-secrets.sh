#!/bin/sh
# Makes the secrets of docker-compose.yml: random, one file for each reader, mode 600. What exists is never replaced.
#
#     sudo deploy/make-secrets.sh            into deploy/secrets
#     sudo deploy/make-secrets.sh FOLDER     elsewhere
#
# A container reads its files as a user of its own. As root this gives each file to that user; without root the files
# stay yours, which is enough where the engine maps users (Docker Desktop).
set -eu
umask 077

folder=${1:-$(dirname "$0")/secrets}

broker_uid=1883
influxdb_uid=1000
grafana_uid=472
hubpulse_uid=10001

random_secret() {
    head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n'
}

# keep FILE COMMAND...: writes what the command prints to FILE, unless there is one already.
keep() {
    file=$folder/$1
    shift
    if [ -e "$file" ]; then
        return
    fi
    mkdir -p "$(dirname "$file")"
    # A half-written secret must never pass for a whole one.
    "$@" >"$file.new"
    mv "$file.new" "$file"
    echo "made $file"
}

# Options that mosquitto_sub reads by itself, so that the health check's password is on no command line.
health_options() {
    printf '%s\n' '-u health' "-P $(random_secret)"
}

# hashed NAME: turns the password on standard input into the line of mosquitto's password file for NAME.
hashed() {
    python3 -c '
import base64, hashlib, os, sys
password, salt, rounds = sys.stdin.read().strip().encode(), os.urandom(12), 101
digest = hashlib.pbkdf2_hmac("sha512", password, salt, rounds)
salt, digest = (base64.b64encode(part).decode() for part in (salt, digest))
print(f"{sys.argv[1]}:$7${rounds}${salt}${digest}")
' "$1"
}

broker_passwords() {
    hashed hubpulse <"$folder/hubpulse/mqtt_password"
    hashed sensors <"$folder/sensors/mqtt_password"
    sed -n 's/^-P //p' "$folder/broker/mosquitto_sub" | hashed health
}

if ! command -v python3 >/dev/null; then
    echo "python3 is needed to hash the broker's passwords: install it (Debian, Ubuntu: apt-get install python3)" >&2
    exit 1
fi

keep influxdb/admin_password random_secret
keep influxdb/token random_secret
keep grafana/admin_password random_secret
keep grafana/influx_token cat "$folder/influxdb/token"
keep hubpulse/influx_token cat "$folder/influxdb/token"
keep hubpulse/mqtt_password random_secret
keep sensors/mqtt_password random_secret
keep broker/mosquitto_sub health_options
keep broker/passwords broker_passwords

if [ "$(id -u)" -eq 0 ]; then
    find "$folder" -type f -exec chmod 600 {} +
    chown -R "$broker_uid" "$folder/broker"
    chown -R "$influxdb_uid" "$folder/influxdb"
    chown -R "$grafana_uid" "$folder/grafana"
    chown -R "$hubpulse_uid" "$folder/hubpulse"
else
    echo "the files are yours; on Linux give them to the containers' users with: sudo $0${1:+ $1}" >&2
fi
