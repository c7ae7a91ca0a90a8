#!/bin/sh
# Makes everything that is made from a folder's Solidity sources: the artefacts (ABI, bytecode, hash of the source) and the
# Go bindings. Needs node, npm and Go. Run it after every change of a .sol file and commit what it writes.
set -eu
[ $# = 1 ] || { echo 'usage: generate.sh FOLDER' >&2; exit 2; }
folder=$(cd "$1" && pwd)
cd "$(dirname "$0")"

npm install --no-package-lock --ignore-scripts --no-audit --no-fund --silent
node compile.js "$folder" "$folder/artefacts"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$folder"
for artefact in artefacts/*.json; do
	contract=$(basename "$artefact" .json)
	node -e '
		const fs = require("fs"), [artefactFile, base] = process.argv.slice(1);
		const artefact = JSON.parse(fs.readFileSync(artefactFile, "utf8"));
		fs.writeFileSync(base + ".abi", JSON.stringify(artefact.abi));
		fs.writeFileSync(base + ".bin", artefact.bytecode.slice(2));
	' "$artefact" "$scratch/$contract"
	go run github.com/ethereum/go-ethereum/cmd/abigen --v2 \
		--abi "$scratch/$contract.abi" --bin "$scratch/$contract.bin" \
		--pkg "$(basename "$folder")" --type "$contract" --out "$(echo "$contract" | tr '[:upper:]' '[:lower:]')_binding.go"
done
