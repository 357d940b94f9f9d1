// Package proto holds the contract of Akin: akin/v1/*.proto, and the Go code generated from it beside it. What nodes of
// a cluster say to each other stands in akin/node/v1, and is no part of the contract.
//
// The contract is the product's outer edge. From its first release on fields are added, never renumbered or removed:
// `buf breaking` in the check script compares with the newest release tag. To regenerate after a change to a .proto
// file:
//
//	go generate ./proto
package proto

//go:generate -command buf go tool -modfile=../.ci/tools/go.mod buf
//go:generate buf generate --template buf.gen.yaml
//go:generate buf build --as-file-descriptor-set --exclude-imports --exclude-path akin/node -o descriptors.binpb
