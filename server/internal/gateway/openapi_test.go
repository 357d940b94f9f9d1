package gateway_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/akin-search/akin/server/internal/gateway"
)

// contractMethods are all methods of the contract as it is linked in.
func contractMethods() (list []protoreflect.MethodDescriptor) {
	protoregistry.GlobalFiles.RangeFilesByPackage("akin.v1", func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			for j := range file.Services().Get(i).Methods().Len() {
				list = append(list, file.Services().Get(i).Methods().Get(j))
			}
		}
		return true
	})
	return list
}

func TestOpenAPIDescribesEveryMethodInTheContractsWords(t *testing.T) {
	r := newLoadingRig(t, gateway.Config{}, nil)
	a := r.ask(t, "GET", "/openapi.json", "")
	doc := a.want(t, 200)
	if doc["openapi"] != "3.1.1" {
		t.Errorf("openapi: %v", doc["openapi"])
	}
	paths := doc["paths"].(map[string]any)
	methods := contractMethods()
	if len(paths) != len(methods) || len(methods) == 0 {
		t.Errorf("%d paths, %d methods", len(paths), len(methods))
	}
	for _, m := range methods {
		path := "/" + string(m.Parent().FullName()) + "/" + string(m.Name())
		verbs, _ := paths[path].(map[string]any)
		post, _ := verbs["post"].(map[string]any)
		if text, _ := post["description"].(string); !strings.HasPrefix(text, string(m.Name())+" ") {
			t.Errorf("%s: %q", path, text)
		}
		if read := isRead(m); (verbs["get"] != nil) != read {
			t.Errorf("%s: GET %v, a read %v", path, verbs["get"] != nil, read)
		}
	}
	schemas := doc["components"].(map[string]any)["schemas"].(map[string]any)
	for name, schema := range schemas {
		properties, _ := schema.(map[string]any)["properties"].(map[string]any)
		for field, value := range properties {
			if text, _ := value.(map[string]any)["description"].(string); text == "" && name != "AnyMessage" {
				t.Errorf("%s.%s is not described", name, field)
			}
		}
	}
	for _, reference := range references(doc) {
		name, ok := strings.CutPrefix(reference, "#/components/schemas/")
		if ok && schemas[name] == nil {
			t.Errorf("%s is nowhere", reference)
		}
	}
	again := r.ask(t, "GET", "/openapi.json", "", "If-None-Match", a.Header.Get("ETag"))
	if again.StatusCode != http.StatusNotModified || again.body != "" {
		t.Errorf("asked again: %d", again.StatusCode)
	}
}

// references are all $ref of a document.
func references(node any) (list []string) {
	switch node := node.(type) {
	case map[string]any:
		if ref, ok := node["$ref"].(string); ok {
			list = append(list, ref)
		}
		for _, child := range node {
			list = append(list, references(child)...)
		}
	case []any:
		for _, child := range node {
			list = append(list, references(child)...)
		}
	}
	return list
}

func TestDocsNeedNothingFromOutside(t *testing.T) {
	r := newRig(t, gateway.Config{}, nil)
	a := r.ask(t, "GET", "/docs", "")
	if a.StatusCode != http.StatusOK || !strings.Contains(a.Header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Fatalf("%d %v", a.StatusCode, a.Header)
	}
	root, err := html.Parse(strings.NewReader(a.body))
	if err != nil {
		t.Fatal(err)
	}
	ids, links, forms := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for n := range root.Descendants() {
		for _, attribute := range n.Attr {
			switch attribute.Key {
			case "id":
				if ids[attribute.Val] {
					t.Errorf("two have the id %s", attribute.Val)
				}
				ids[attribute.Val] = true
			case "href", "src":
				links[attribute.Val] = true
			case "action":
				forms[attribute.Val] = true
			}
		}
		if n.Type == html.ElementNode && n.Data == "script" {
			t.Error("a script")
		}
	}
	for link := range links {
		if anchor, ok := strings.CutPrefix(link, "#"); ok && !ids[anchor] {
			t.Errorf("%s leads nowhere", link)
		} else if !ok {
			if got := r.ask(t, "GET", link, ""); got.StatusCode != http.StatusOK {
				t.Errorf("%s: %d", link, got.StatusCode)
			}
		}
	}
	for _, m := range contractMethods() {
		if anchor := string(m.Parent().Name()) + "." + string(m.Name()); !ids[anchor] {
			t.Errorf("%s is not there", anchor)
		}
	}
	// A form that is sent as it stands holds empty parameters, which count as not given.
	r.ask(t, "GET", "/akin.v1.PaperService/ListPapers?page_size=&filter=&page_token=", "").want(t, 200)
	if !forms["/akin.v1.PaperService/ListPapers"] || forms["/akin.v1.PaperService/DeletePaper"] {
		t.Errorf("forms: %v", forms)
	}
	var body any
	if err := json.Unmarshal([]byte(r.ask(t, "GET", "/openapi.json", "").body), &body); err != nil {
		t.Error(err)
	}
}

// isRead reports whether the contract says of a method that it changes nothing.
func isRead(m protoreflect.MethodDescriptor) bool {
	level := m.Options().(*descriptorpb.MethodOptions).GetIdempotencyLevel()
	return level == descriptorpb.MethodOptions_NO_SIDE_EFFECTS
}

func TestMethodsThatAreNamedAsReadsAreMarkedAsReads(t *testing.T) {
	reads := regexp.MustCompile(`^(Batch)?(Get|List|Export|Search|Recommend|Explain|Find|Embed|Evaluate|Preview|Watch)`)
	for _, m := range contractMethods() {
		if named := reads.MatchString(string(m.Name())); named != isRead(m) {
			t.Errorf("%s: named as a read %v, marked as one %v", m.Name(), named, isRead(m))
		}
	}
}
