package proto

import _ "embed"

//go:embed descriptors.binpb
var descriptors []byte

// Descriptors is the contract with its comments, which the generated code does not have: an encoded
// google.protobuf.FileDescriptorSet of the files of akin/v1 without their imports. Callers must not change it.
func Descriptors() []byte { return descriptors }
