package gateway

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	contractproto "github.com/akin-search/akin/proto"
)

// commented are the contract's services with their comments, for OpenAPI and the documentation.
func commented() ([]protoreflect.ServiceDescriptor, error) {
	var set descriptorpb.FileDescriptorSet
	if err := proto.Unmarshal(contractproto.Descriptors(), &set); err != nil {
		return nil, fmt.Errorf("the contract's descriptors: %w", err)
	}
	var files protoregistry.Files
	var list []protoreflect.ServiceDescriptor
	for _, described := range set.GetFile() { // each behind those it imports
		file, err := protodesc.NewFile(described, imports{&files})
		if err == nil {
			err = files.RegisterFile(file)
		}
		if err != nil {
			return nil, fmt.Errorf("the contract's descriptors: %w", err)
		}
		for i := range file.Services().Len() {
			list = append(list, file.Services().Get(i))
		}
	}
	slices.SortFunc(list, func(a, b protoreflect.ServiceDescriptor) int { return cmp.Compare(a.FullName(), b.FullName()) })
	return list, nil
}

// imports finds the contract's own files with their comments, and others as they are linked in.
type imports struct{ own *protoregistry.Files }

// FindFileByPath implements protodesc.Resolver.
func (i imports) FindFileByPath(path string) (protoreflect.FileDescriptor, error) {
	if file, err := i.own.FindFileByPath(path); err == nil {
		return file, nil
	}
	return protoregistry.GlobalFiles.FindFileByPath(path)
}

// FindDescriptorByName implements protodesc.Resolver.
func (i imports) FindDescriptorByName(name protoreflect.FullName) (protoreflect.Descriptor, error) {
	if desc, err := i.own.FindDescriptorByName(name); err == nil {
		return desc, nil
	}
	return protoregistry.GlobalFiles.FindDescriptorByName(name)
}

// comment is what the contract says of something: a line for each paragraph, and for each line that is indented.
func comment(d protoreflect.Descriptor) string {
	var out strings.Builder
	own := true // the next line stands for itself
	for line := range strings.Lines(d.ParentFile().SourceLocations().ByDescriptor(d).LeadingComments) {
		line = strings.TrimPrefix(strings.TrimRight(line, " \n"), " ")
		example := line == "" || line[0] == ' '
		switch {
		case out.Len() == 0:
		case own || example:
			out.WriteByte('\n')
		default:
			out.WriteByte(' ')
		}
		out.WriteString(line)
		own = example
	}
	return strings.TrimSpace(out.String())
}

// firstSentence is the beginning of a comment, for lists.
func firstSentence(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if i := strings.Index(text, ". "); i >= 0 {
		text = text[:i]
	}
	return strings.TrimSuffix(text, ".")
}

// reached are all messages and enums of the contract that its services use, by name.
func reached(list []protoreflect.ServiceDescriptor) (
	messages []protoreflect.MessageDescriptor, enums []protoreflect.EnumDescriptor,
) {
	seen := make(map[protoreflect.FullName]bool)
	var visit func(m protoreflect.MessageDescriptor)
	visit = func(m protoreflect.MessageDescriptor) {
		if seen[m.FullName()] || m.ParentFile().Package() != contract {
			return
		}
		seen[m.FullName()] = true
		if !m.IsMapEntry() {
			messages = append(messages, m)
		}
		for i := range m.Fields().Len() {
			field := m.Fields().Get(i)
			switch {
			case field.Message() != nil:
				visit(field.Message())
			case field.Enum() != nil && !seen[field.Enum().FullName()]:
				seen[field.Enum().FullName()] = true
				enums = append(enums, field.Enum())
			}
		}
	}
	for _, service := range list {
		for i := range service.Methods().Len() {
			visit(service.Methods().Get(i).Input())
			visit(service.Methods().Get(i).Output())
		}
	}
	slices.SortFunc(messages, func(a, b protoreflect.MessageDescriptor) int {
		return cmp.Compare(a.FullName(), b.FullName())
	})
	slices.SortFunc(enums, func(a, b protoreflect.EnumDescriptor) int { return cmp.Compare(a.FullName(), b.FullName()) })
	return messages, enums
}

// shortName is a name without the contract's package.
func shortName(d protoreflect.Descriptor) string {
	return strings.TrimPrefix(string(d.FullName()), string(contract)+".")
}

// queryField is a field that a query may hold.
type queryField struct {
	Name  string // options.filter
	Field protoreflect.FieldDescriptor
}

// queryFields are the fields of a request that a query may hold, but for lists of messages.
func queryFields(m protoreflect.MessageDescriptor, prefix string) (list []queryField) {
	if strings.Count(prefix, ".") == maxPathDepth {
		return nil
	}
	for i := range m.Fields().Len() {
		field := m.Fields().Get(i)
		name := prefix + string(field.Name())
		switch {
		case field.IsMap():
		case field.Message() == nil, plain(field.Message()):
			list = append(list, queryField{name, field})
		case !field.IsList() && field.Message().ParentFile().Package() == contract:
			list = append(list, queryFields(field.Message(), name+".")...)
		}
	}
	return list
}
