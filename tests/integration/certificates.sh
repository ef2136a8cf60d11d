#!/usr/bin/env bash
# certificates.sh DIR: what the tests of TLS need, made anew in DIR with openssl.
#
#   ca.pem           an authority; other-ca.pem: one that vouches for nothing here
#   good.pem         for localhost and 127.0.0.1, until tomorrow; good.key of mode 0600
#   wrong-name.pem   for elsewhere.example
#   expired.pem      for localhost, until yesterday
#   stranger.pem     for localhost, from other-ca
# Each with its key, NAME.key.
set -euo pipefail
cd "$1"
umask 077

key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"; }

authority() {
    key "$1"
    openssl req -x509 -new -key "$1.key" -out "$1.pem" -days 2 -subj "/CN=$1"
}

certificate() { # certificate NAME AUTHORITY DAYS ALTERNATIVE-NAMES
    key "$1"
    openssl req -new -key "$1.key" -out "$1.csr" -subj "/CN=$1"
    openssl x509 -req -in "$1.csr" -CA "$2.pem" -CAkey "$2.key" -CAcreateserial -out "$1.pem" -days "$3" \
        -extfile <(printf 'subjectAltName=%s\n' "$4")
}

authority ca
authority other-ca
certificate good ca 2 DNS:localhost,IP:127.0.0.1
certificate wrong-name ca 2 DNS:elsewhere.example
certificate expired ca -1 DNS:localhost,IP:127.0.0.1
certificate stranger other-ca 2 DNS:localhost,IP:127.0.0.1
