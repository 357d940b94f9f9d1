package gateway

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// method is one RPC.
type method struct {
	path string // /akin.v1.PaperService/GetPaper
	desc protoreflect.MethodDescriptor
	in   protoreflect.MessageType
	out  protoreflect.MessageType
}

// safe reports whether the method changes nothing, so that it may be called by GET.
func (m *method) safe() bool {
	options, _ := m.desc.Options().(*descriptorpb.MethodOptions)
	return options.GetIdempotencyLevel() == descriptorpb.MethodOptions_NO_SIDE_EFFECTS
}

// streams reports whether the method has more than one request or response.
func (m *method) streams() bool { return m.desc.IsStreamingClient() || m.desc.IsStreamingServer() }

// contract is the package whose services are served.
var contract = akinv1.File_akin_v1_paper_proto.Package()

// methods are all RPCs of the contract, in the order of their files and lines.
func methods() (list []*method, err error) {
	for _, service := range services() {
		for i := range service.Methods().Len() {
			desc := service.Methods().Get(i)
			in, inErr := protoregistry.GlobalTypes.FindMessageByName(desc.Input().FullName())
			out, outErr := protoregistry.GlobalTypes.FindMessageByName(desc.Output().FullName())
			if err := errors.Join(inErr, outErr); err != nil {
				return nil, fmt.Errorf("the messages of %s: %w", desc.FullName(), err)
			}
			path := fmt.Sprintf("/%s/%s", service.FullName(), desc.Name())
			list = append(list, &method{path: path, desc: desc, in: in, out: out})
		}
	}
	return list, nil
}

// services are those of the contract, by name.
func services() (list []protoreflect.ServiceDescriptor) {
	protoregistry.GlobalFiles.RangeFilesByPackage(contract, func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			list = append(list, file.Services().Get(i))
		}
		return true
	})
	slices.SortFunc(list, func(a, b protoreflect.ServiceDescriptor) int { return cmp.Compare(a.FullName(), b.FullName()) })
	return list
}
