package gateway

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// object is a JSON object.
type object = map[string]any

const introduction = `Akin finds research papers that are alike: to a text, to a paper, to what someone likes.

Every method is called by POST with JSON, and reads by GET too, with parameters named as the request's fields; a ` +
	`parameter without a value counts as not given. Messages are as protobuf's JSON has them: names in lowerCamelCase ` +
	`(those of the contract are taken too), whole numbers of 64 bits as strings, times and durations as strings. Fields ` +
	`that have their default are left out. The methods are those of the gRPC services on the same port, and of ` +
	`Connect's protocol.`

// openAPI is the description of all methods (https://spec.openapis.org/oas/v3.1.1).
func openAPI(list []protoreflect.ServiceDescriptor) ([]byte, error) {
	paths, tags := object{}, []any{}
	for _, service := range list {
		tags = append(tags, object{"name": string(service.Name()), "description": comment(service)})
		for i := range service.Methods().Len() {
			method := service.Methods().Get(i)
			paths[fmt.Sprintf("/%s/%s", service.FullName(), method.Name())] = operations(service, method)
		}
	}
	schemas := object{
		"Error": errorSchema(),
		"AnyMessage": object{
			"type": "object", "description": "A message of any type, named by @type.",
			"properties": object{"@type": object{"type": "string"}}, "additionalProperties": true,
		},
		"Timestamp": object{"type": "string", "format": "date-time", "description": "A point in time (RFC 3339)."},
		"Duration": object{
			"type": "string", "pattern": `^-?[0-9]+(\.[0-9]{1,9})?s$`, "description": "A duration in seconds, such as 3.5s.",
		},
		"FieldMask": object{"type": "string", "description": "Names of fields with commas, such as title,publishTime."},
		"WholeNumber": object{
			"type": "string", "format": "int64", "pattern": "^-?[0-9]+$",
			"description": "A whole number of 64 bits. Requests may give it as a number too.",
		},
	}
	messages, enums := reached(list)
	for _, m := range messages {
		schemas[shortName(m)] = messageSchema(m)
	}
	for _, e := range enums {
		schemas[shortName(e)] = enumSchema(e)
	}
	return json.Marshal(object{
		"openapi": "3.1.1",
		"info": object{
			"title": "Akin", "version": strings.TrimPrefix(string(contract), "akin."), "description": introduction,
		},
		"servers":  []any{object{"url": "/", "description": "This server."}},
		"security": []any{object{}, object{"token": []any{}}},
		"tags":     tags,
		"paths":    paths,
		"components": object{
			"schemas": schemas,
			"securitySchemes": object{"token": object{
				"type": "http", "scheme": "bearer", "description": "A token that the server knows, where it asks for one.",
			}},
			"responses": object{"Error": object{
				"description": "What went wrong: code, reason, and which fields are at fault.",
				"content":     object{typeJSON: object{"schema": reference("Error")}},
			}},
		},
	})
}

func reference(name string) object { return object{"$ref": "#/components/schemas/" + name} }

// operations are the verbs of one method.
func operations(service protoreflect.ServiceDescriptor, method protoreflect.MethodDescriptor) object {
	text := comment(method)
	operation := func(id string) object {
		failure := object{"$ref": "#/components/responses/Error"}
		answer := object{"schema": reference(shortName(method.Output()))}
		success := object{"description": "The answer.", "content": object{typeJSON: answer}}
		if method.IsStreamingServer() {
			success = object{
				"description": "The answers, one a line. An error behind the first of them is a last line {\"error\": …}, " +
					"and the connection ends early.",
				"content": object{typeLines: answer},
			}
		}
		return object{
			"operationId": id, "tags": []any{string(service.Name())}, "summary": firstSentence(text), "description": text,
			"responses": object{"200": success, "4XX": failure, "5XX": failure},
		}
	}
	id := fmt.Sprintf("%s_%s", service.Name(), method.Name())
	post := operation(id)
	content := typeJSON
	if method.IsStreamingClient() {
		content = typeLines
	}
	request := object{"schema": reference(shortName(method.Input()))}
	post["requestBody"] = object{"required": true, "content": object{content: request}}
	all := object{"post": post}
	options, _ := method.Options().(*descriptorpb.MethodOptions)
	if options.GetIdempotencyLevel() == descriptorpb.MethodOptions_NO_SIDE_EFFECTS && !method.IsStreamingClient() {
		get := operation(id + "_get")
		parameters := []any{}
		for _, f := range queryFields(method.Input(), "") {
			parameters = append(parameters, object{
				"name": f.Name, "in": "query", "description": comment(f.Field), "schema": fieldSchema(f.Field),
			})
		}
		if len(parameters) > 0 {
			get["parameters"] = parameters
		}
		all["get"] = get
	}
	return all
}

// messageSchema describes a message.
func messageSchema(m protoreflect.MessageDescriptor) object {
	properties := object{}
	for i := range m.Fields().Len() {
		field := m.Fields().Get(i)
		schema := fieldSchema(field)
		if text := comment(field); text != "" {
			schema["description"] = text
		}
		properties[field.JSONName()] = schema
	}
	text := comment(m)
	for i := range m.Oneofs().Len() {
		if one := m.Oneofs().Get(i); !one.IsSynthetic() {
			text += "\n\nAt most one of " + strings.Join(members(one), ", ") + " is set. " + comment(one)
		}
	}
	schema := object{"type": "object", "description": strings.TrimSpace(text)}
	if len(properties) > 0 {
		schema["properties"] = properties
	}
	return schema
}

// members are the JSON names of a oneof's fields.
func members(one protoreflect.OneofDescriptor) (names []string) {
	for i := range one.Fields().Len() {
		names = append(names, one.Fields().Get(i).JSONName())
	}
	return names
}

// fieldSchema describes the values of a field.
func fieldSchema(field protoreflect.FieldDescriptor) object {
	switch {
	case field.IsMap():
		return object{"type": "object", "additionalProperties": valueSchema(field.MapValue())}
	case field.IsList():
		return object{"type": "array", "items": valueSchema(field)}
	}
	return valueSchema(field)
}

func valueSchema(field protoreflect.FieldDescriptor) object {
	switch field.Kind() {
	case protoreflect.BoolKind:
		return object{"type": "boolean"}
	case protoreflect.StringKind:
		return object{"type": "string"}
	case protoreflect.BytesKind:
		return object{"type": "string", "contentEncoding": "base64"}
	case protoreflect.FloatKind:
		return object{"type": "number", "format": "float"}
	case protoreflect.DoubleKind:
		return object{"type": "number", "format": "double"}
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return object{"type": "integer", "format": "int32"}
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return object{"type": "integer", "minimum": 0}
	case protoreflect.EnumKind:
		return reference(shortName(field.Enum()))
	case protoreflect.MessageKind, protoreflect.GroupKind:
		switch md := field.Message(); {
		case md.ParentFile().Package() == contract:
			return reference(shortName(md))
		case plain(md):
			return reference(string(md.Name()))
		}
		return reference("AnyMessage")
	}
	return reference("WholeNumber")
}

func enumSchema(e protoreflect.EnumDescriptor) object {
	names, text := []any{}, comment(e)
	for i := range e.Values().Len() {
		value := e.Values().Get(i)
		names = append(names, string(value.Name()))
		text += "\n- " + string(value.Name())
		if about := comment(value); about != "" {
			text += ": " + strings.Join(strings.Fields(about), " ")
		}
	}
	return object{"type": "string", "enum": names, "description": text}
}

// errorSchema describes failure.
func errorSchema() object {
	var names []string
	for _, outcome := range outcomes {
		names = append(names, outcome.name)
	}
	slices.Sort(names)
	text := func(about string) object { return object{"type": "string", "description": about} }
	return object{
		"type": "object", "required": []any{"code"},
		"description": "An error, as Connect has it, with its details in words.",
		"properties": object{
			"code":       object{"type": "string", "enum": names, "description": "The kind of error."},
			"message":    text("What is wrong, for people to read."),
			"reason":     text("What is wrong, for programs: it never changes."),
			"retryAfter": text("When trying again may help, such as 1s. The header Retry-After says the same in whole seconds."),
			"metadata": object{
				"type": "object", "additionalProperties": object{"type": "string"},
				"description": "What belongs to the reason.",
			},
			"fieldViolations": object{"type": "array", "description": "Which fields are at fault.", "items": object{
				"type": "object", "properties": object{
					"field": text("Its path, such as paper.id."), "description": text("What is wrong with it."),
				},
			}},
			"details": object{"type": "array", "description": "The same as messages of google.rpc.", "items": object{
				"type": "object", "properties": object{
					"type": text("The message's name."), "value": text("The message, base64 without padding."),
					"debug": object{"description": "The message as JSON."},
				},
			}},
		},
	}
}

// document is a file that is made once.
type document struct {
	contentType string
	body        []byte
	zipped      []byte
	tag         string
}

func newDocument(contentType string, body []byte) *document {
	return &document{contentType, body, zip(body), fmt.Sprintf(`"%016x"`, xxhash.Sum64(body))}
}

// serve answers with the document.
func (d *document) serve(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "only GET", http.StatusMethodNotAllowed)
		return
	}
	h := w.Header()
	h.Set("Content-Type", d.contentType)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy",
		"default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-cache")
	h.Add("Vary", "Accept-Encoding")
	h.Set("ETag", d.tag)
	body := d.body
	if accepts(r.Header.Values("Accept-Encoding"), "gzip") {
		body = d.zipped
		h.Set("Content-Encoding", "gzip")
		h.Set("ETag", strings.TrimSuffix(d.tag, `"`)+`-gzip"`)
	}
	if r.Header.Get("If-None-Match") == h.Get("ETag") {
		h.Del("Content-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	_, _ = w.Write(body) // whoever does not take it has gone
}
