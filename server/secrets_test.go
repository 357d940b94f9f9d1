package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/akin-search/akin/client"
	"github.com/akin-search/akin/server/internal/admit"
	"github.com/akin-search/akin/server/internal/telemetry/telemetrytest"
)

// What must never show: each is in a request, a header or a setting of the test below.
const (
	secretText   = "unspeakable"        // in every text field of every request
	secretToken  = "akin_guessed_token" // of a caller that is not known
	secretHeader = "collectors-password"
)

// spell puts the secret into every string of a message, and makes one element for each list and map.
func spell(m protoreflect.Message, depth int) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		switch text := protoreflect.ValueOfString(secretText + " words"); {
		case f.IsMap():
			if f.MapValue().Kind() == protoreflect.StringKind {
				m.Mutable(f).Map().Set(text.MapKey(), text)
			}
		case f.Kind() == protoreflect.StringKind && f.IsList():
			m.Mutable(f).List().Append(text)
		case f.Kind() == protoreflect.StringKind:
			m.Set(f, text)
		case f.Kind() == protoreflect.MessageKind && depth < 6 && f.IsList():
			spell(m.Mutable(f).List().AppendMutable().Message(), depth+1)
		case f.Kind() == protoreflect.MessageKind && depth < 6:
			spell(m.Mutable(f).Message(), depth+1)
		}
	}
}

// callEverything calls every method of the contract with a request full of secrets.
func callEverything(ctx context.Context, t *testing.T, conn *grpc.ClientConn) (calls int) {
	t.Helper()
	protoregistry.GlobalFiles.RangeFilesByPackage("akin.v1", func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			service := file.Services().Get(i)
			for j := range service.Methods().Len() {
				method := service.Methods().Get(j)
				call, cancel := context.WithTimeout(ctx, 10*time.Second)
				desc := &grpc.StreamDesc{ServerStreams: method.IsStreamingServer(), ClientStreams: method.IsStreamingClient()}
				stream, err := conn.NewStream(call, desc, fmt.Sprintf("/%s/%s", service.FullName(), method.Name()))
				if err != nil {
					t.Error(err)
					cancel()
					continue
				}
				request := dynamicpb.NewMessage(method.Input())
				spell(request, 0)
				_ = stream.SendMsg(request) // whatever becomes of it
				_ = stream.CloseSend()
				for err == nil {
					err = stream.RecvMsg(dynamicpb.NewMessage(method.Output()))
				}
				calls++
				cancel()
			}
		}
		return true
	})
	return calls
}

// TestNoSecretIsLoggedOrTraced has a server log and trace everything, and looks for tokens and callers' texts in all
// that it writes.
func TestNoSecretIsLoggedOrTraced(t *testing.T) {
	collector := telemetrytest.NewCollector(t)
	token, hash := admit.NewToken()
	tokens := filepath.Join(t.TempDir(), "tokens.toml")
	entry := fmt.Sprintf("[[principal]]\nname = \"somebody\"\nhash = %q\nroles = [\"read\", \"write\", \"admin\"]\n", hash)
	if err := os.WriteFile(tokens, []byte(entry), 0o600); err != nil {
		t.Fatal(err)
	}
	p := command(t, "--addr", "127.0.0.1:0", "--data", t.TempDir(), "--tokens-file", tokens, "--log-format", "json",
		"--log-level", "debug", "--traces-endpoint", collector.URL, "--traces-share", "1", "--metrics-addr", "127.0.0.1:0")
	p.Env = append(p.Env, "OTEL_EXPORTER_OTLP_HEADERS=authorization="+secretHeader)
	p.begin(t)
	conn, err := grpc.NewClient(p.addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	known := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+token, admit.RequestHeader,
		secretText+" name")
	if n := callEverything(known, t, conn); n < 20 {
		t.Errorf("%d calls", n)
	}
	unknown := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+secretToken)
	callEverything(unknown, t, conn)

	c, err := client.Dial(p.addr, client.WithToken(token))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx := t.Context()
	for i := range 5 {
		paper := &client.Paper{
			Id: fmt.Sprint("paper-", i), Title: secretText + " title", Abstract: "An " + secretText + " abstract.",
			Authors: []string{secretText},
		}
		if _, err := c.Upsert(ctx, paper); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Search(ctx, secretText+" title", client.Filter(`authors:"`+secretText+`"`)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Search(ctx, secretText, client.Filter(`authors = = "`+secretText+`"`)); err == nil {
		t.Error("a broken filter is taken")
	}
	page := get(t, p.metricsAddr(t)+"/metrics")
	if err := p.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	written := map[string]string{"the log": p.before + p.untilLog(""),
		"the traces": fmt.Sprint(collector.Spans(), collector.About()), "the metrics": page}
	if err := p.Wait(); err != nil {
		t.Fatal(err)
	}
	for place, text := range written {
		if len(text) < 1000 {
			t.Errorf("%s say %q", place, text)
		}
		for _, secret := range []string{secretText, secretToken, secretHeader, token, hash} {
			if i := strings.Index(text, secret); i >= 0 {
				t.Errorf("%s show %q: %s", place, secret, text[max(0, i-300):min(len(text), i+100)])
			}
		}
	}
	if log := written["the log"]; strings.Contains(log, `"duration":`) || !strings.Contains(log, `"duration_seconds":`) ||
		!strings.Contains(log, `"request_id":`) {
		t.Error("a duration has no unit, or a call no id")
	}
}

var metricsLine = regexp.MustCompile(`"msg":"metrics","address":"(http[^"]+)"`)

// metricsAddr is where the server says that its metrics are.
func (p *process) metricsAddr(t *testing.T) string {
	t.Helper()
	found := metricsLine.FindStringSubmatch(p.before)
	if found == nil {
		t.Fatalf("no metrics: %s", p.before)
	}
	return found[1]
}

func get(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url) //nolint:gosec // a server of the test's own
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
