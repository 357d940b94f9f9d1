package gateway

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

//go:embed docs.html
var docsHTML string

//go:embed docs.css
var docsCSS []byte

// What the template of the documentation is given.
type (
	docsPage struct {
		Introduction []string
		Services     []docsService
		Messages     []docsMessage
		Enums        []docsEnum
	}
	docsService struct {
		Name, Text string
		Methods    []docsMethod
	}
	docsMethod struct {
		Name, Path, Text string
		Anchor           string
		Input, Output    string // messages
		InputStream      bool
		OutputStream     bool
		Curl             string
		Form             []docsField // empty and not Get: no GET
		Get              bool
	}
	docsMessage struct {
		Name, Text string
		Fields     []docsField
	}
	docsEnum struct {
		Name, Text string
		Values     []docsField
	}
	docsField struct {
		Name, Type, Text string
		Link             string   // anchor of the type; empty: none
		Values           []string // of an enum
		Check            bool     // true or false
	}
)

// docs is the documentation as a page that needs nothing else but its style.
func docs(list []protoreflect.ServiceDescriptor) ([]byte, error) {
	page := docsPage{Introduction: strings.Split(introduction, "\n\n")}
	for _, service := range list {
		s := docsService{Name: string(service.Name()), Text: comment(service)}
		for i := range service.Methods().Len() {
			s.Methods = append(s.Methods, docsMethodOf(service, service.Methods().Get(i)))
		}
		page.Services = append(page.Services, s)
	}
	messages, enums := reached(list)
	for _, m := range messages {
		entry := docsMessage{Name: shortName(m), Text: comment(m)}
		for i := range m.Fields().Len() {
			entry.Fields = append(entry.Fields, docsFieldOf(m.Fields().Get(i)))
		}
		page.Messages = append(page.Messages, entry)
	}
	for _, e := range enums {
		entry := docsEnum{Name: shortName(e), Text: comment(e)}
		for i := range e.Values().Len() {
			value := e.Values().Get(i)
			entry.Values = append(entry.Values, docsField{Name: string(value.Name()), Text: comment(value)})
		}
		page.Enums = append(page.Enums, entry)
	}
	t, err := template.New("docs").Parse(docsHTML)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := t.Execute(&out, page); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func docsMethodOf(service protoreflect.ServiceDescriptor, method protoreflect.MethodDescriptor) docsMethod {
	m := docsMethod{
		Name: string(method.Name()), Anchor: shortName(method), Text: comment(method),
		Path:  fmt.Sprintf("/%s/%s", service.FullName(), method.Name()),
		Input: shortName(method.Input()), Output: shortName(method.Output()),
		InputStream: method.IsStreamingClient(), OutputStream: method.IsStreamingServer(),
	}
	content, body := typeJSON, "-d '"+example(method.Input())+"'"
	if m.InputStream {
		content, body = typeLines, "--data-binary @items.ndjson"
	}
	m.Curl = fmt.Sprintf("curl -H 'Content-Type: %s' %s \\\n  http://localhost:7700%s", content, body, m.Path)
	options, _ := method.Options().(*descriptorpb.MethodOptions)
	if m.Get = options.GetIdempotencyLevel() == descriptorpb.MethodOptions_NO_SIDE_EFFECTS && !m.InputStream; m.Get {
		for _, f := range queryFields(method.Input(), "") {
			field := docsFieldOf(f.Field)
			field.Name = f.Name
			m.Form = append(m.Form, field)
		}
	}
	return m
}

func docsFieldOf(field protoreflect.FieldDescriptor) docsField {
	f := docsField{Name: field.JSONName(), Text: comment(field)}
	value := field
	if field.IsMap() {
		value = field.MapValue()
	}
	switch {
	case value.Enum() != nil:
		f.Type, f.Link = shortName(value.Enum()), shortName(value.Enum())
		for i := range value.Enum().Values().Len() {
			f.Values = append(f.Values, string(value.Enum().Values().Get(i).Name()))
		}
	case value.Message() != nil && value.Message().ParentFile().Package() == contract:
		f.Type, f.Link = shortName(value.Message()), shortName(value.Message())
	case value.Message() != nil:
		f.Type = string(value.Message().Name())
	default:
		f.Type = value.Kind().String()
		f.Check = value.Kind() == protoreflect.BoolKind
	}
	switch {
	case field.IsMap():
		f.Type = "map of " + f.Type
	case field.IsList():
		f.Type = "list of " + f.Type
	}
	return f
}

// example is a request with the fields that must be set.
func example(m protoreflect.MessageDescriptor) string {
	request := exampleOf(m, 3)
	text, err := json.Marshal(request)
	if err != nil { // it holds nothing that does not marshal
		return "{}"
	}
	return string(text)
}

func exampleOf(m protoreflect.MessageDescriptor, depth int) object {
	out := object{}
	for i := range m.Fields().Len() {
		field := m.Fields().Get(i)
		one := field.ContainingOneof()
		first := one != nil && !one.IsSynthetic() && one.Fields().Get(0) == field
		if !first && !strings.Contains(comment(field), "Required") || depth == 0 {
			continue
		}
		var value any
		switch {
		case field.Message() != nil && field.Message().ParentFile().Package() == contract && !field.IsMap():
			value = exampleOf(field.Message(), depth-1)
		case field.Kind() == protoreflect.StringKind:
			value = "…"
		default:
			continue
		}
		if field.IsList() {
			value = []any{value}
		}
		out[field.JSONName()] = value
	}
	return out
}
