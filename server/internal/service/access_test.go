package service

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
	"github.com/akin-search/akin/server/internal/admit"
)

// keyring makes one principal for each entry, and returns the tokens in their order.
func keyring(t *testing.T, entries ...admit.Entry) (*admit.Keyring, []string) {
	t.Helper()
	var file strings.Builder
	var tokens []string
	for _, e := range entries {
		token, hash := admit.NewToken()
		tokens = append(tokens, token)
		fmt.Fprintf(&file, "[[principal]]\nname = %q\nhash = %q\nroles = [%s]\nfilter = %q\nrate = %v\n", e.Name, hash,
			quoteAll(e.Roles), e.Filter, e.Rate)
	}
	name := filepath.Join(t.TempDir(), "tokens.toml")
	if err := os.WriteFile(name, []byte(file.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	keys, err := admit.NewKeyring(name, "", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return keys, tokens
}

func quoteAll(list []string) string {
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = fmt.Sprintf("%q", s)
	}
	return strings.Join(quoted, ", ")
}

func withToken(ctx context.Context, token string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
}

// call calls any method with an empty message, and returns its outcome.
func (r *rig) call(ctx context.Context, t *testing.T, service, name string) error {
	t.Helper()
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(service))
	if err != nil {
		t.Fatal(err)
	}
	method := found.(protoreflect.ServiceDescriptor).Methods().ByName(protoreflect.Name(name))
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	desc := &grpc.StreamDesc{ServerStreams: method.IsStreamingServer(), ClientStreams: method.IsStreamingClient()}
	stream, err := r.conn.NewStream(ctx, desc, "/"+service+"/"+name)
	if err != nil {
		return err
	}
	if err := stream.SendMsg(dynamicpb.NewMessage(method.Input())); err != nil {
		return stream.RecvMsg(dynamicpb.NewMessage(method.Output()))
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	return stream.RecvMsg(dynamicpb.NewMessage(method.Output()))
}

// TestEveryMethodHasARuleAndKeepsIt goes through all methods that the server offers, as its descriptors say, with
// principals of every combination of roles, one with a filter, and none.
func TestEveryMethodHasARuleAndKeepsIt(t *testing.T) {
	var entries []admit.Entry
	for roles := admit.Role(1); roles <= admit.AllRoles; roles++ {
		entries = append(entries, admit.Entry{Name: roles.String(), Roles: strings.Split(roles.String(), ", ")})
	}
	entries = append(entries, admit.Entry{Name: "bound", Roles: []string{"read"}, Filter: `categories:"a"`})
	keys, tokens := keyring(t, entries...)
	r := newLoadingRig(t, Config{Admit: admit.Config{Keys: keys}}) // whoever is let in hears that it is loading
	ctx := testContext(t)
	methods := 0
	for service, info := range r.server.grpc.GetServiceInfo() {
		for _, m := range info.Methods {
			methods++
			full := "/" + service + "/" + m.Name
			rule, ok := admit.Rules[full]
			if !ok {
				t.Errorf("%s has no rule", full)
				continue
			}
			if strings.HasPrefix(full, ownPrefix) && rule.Role == 0 {
				t.Errorf("%s is for everyone", full)
			}
			if rule.Filtered && rule.Role != admit.Read {
				t.Errorf("%s is bound by a filter, which only readers can have", full)
			}
			if service == "grpc.health.v1.Health" && m.Name == "Watch" {
				continue // it would not end
			}
			err := r.call(ctx, t, service, m.Name)
			if refused := status.Code(err) == codes.Unauthenticated; refused != (rule.Role != 0) {
				t.Errorf("%s without a token: %v", full, err)
			}
			for i, e := range entries {
				want := rule.Role == 0
				for _, name := range e.Roles {
					role, err := admit.ParseRole(name)
					if err != nil {
						t.Fatal(err)
					}
					want = want || role == rule.Role
				}
				if e.Filter != "" && !rule.Filtered && !rule.Harmless {
					want = false
				}
				err := r.call(withToken(ctx, tokens[i]), t, service, m.Name)
				if let := status.Code(err) != codes.PermissionDenied; let != want {
					t.Errorf("%s as %s: %v", full, e.Name, err)
				}
			}
		}
	}
	if methods < 20 {
		t.Errorf("%d methods were found", methods)
	}
	for full := range admit.Rules {
		service, name, _ := strings.Cut(full[1:], "/")
		found := false
		for _, m := range r.server.grpc.GetServiceInfo()[service].Methods {
			found = found || m.Name == name
		}
		if !found {
			t.Errorf("there is a rule for %s, which is no method", full)
		}
	}
}

// TestAForcedFilterBindsEveryMethod calls every method that a principal with a filter may call, in every way that could
// name a paper outside of it, and looks for such papers in all that comes back.
func TestAForcedFilterBindsEveryMethod(t *testing.T) {
	keys, tokens := keyring(t,
		admit.Entry{Name: "all", Roles: []string{"read", "write"}},
		admit.Entry{Name: "bound", Roles: []string{"read"}, Filter: `categories:"open"`})
	r := newRig(t, Config{Admit: admit.Config{Keys: keys}})
	ctx := testContext(t)
	var papers []*akinv1.Paper
	for i := range 40 {
		p := testPaper(fmt.Sprintf("open-%02d", i), "graph neural networks for molecules", "message passing learns")
		p.Categories = []string{"open"}
		if i%2 == 1 {
			p.Id, p.Categories = fmt.Sprintf("hidden-%02d", i), []string{"closed"}
		}
		papers = append(papers, p)
	}
	_, err := r.papers.BatchUpsertPapers(withToken(ctx, tokens[0]), &akinv1.BatchUpsertPapersRequest{Papers: papers})
	if err != nil {
		t.Fatal(err)
	}
	bound := withToken(ctx, tokens[1])
	seen := func(what string, m proto.Message, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", what, err)
		} else if text := fmt.Sprint(m); strings.Contains(text, "hidden") {
			t.Errorf("%s shows %s", what, text)
		} else if !strings.Contains(text, "open-") {
			t.Errorf("%s shows nothing: %s", what, text)
		}
	}
	hidden := func(what string, err error) {
		t.Helper()
		if status.Code(err) != codes.NotFound {
			t.Errorf("%s of a hidden paper: %v", what, err)
		}
	}
	tried := make(map[string]bool)
	try := func(method string) { tried[method] = true }

	try(akinv1.PaperService_GetPaper_FullMethodName)
	got, err := r.papers.GetPaper(bound, &akinv1.GetPaperRequest{Id: "open-02"})
	seen("get", got, err)
	_, err = r.papers.GetPaper(bound, &akinv1.GetPaperRequest{Id: "hidden-01"})
	hidden("get", err)

	try(akinv1.PaperService_BatchGetPapers_FullMethodName)
	many, err := r.papers.BatchGetPapers(bound, &akinv1.BatchGetPapersRequest{
		Ids: []string{"open-02", "hidden-01", "none"},
	})
	if err != nil || len(many.GetPapers()) != 1 || len(many.GetMissingIds()) != 2 {
		t.Errorf("get many: %v %v", many, err)
	}

	for _, text := range []string{"", `categories:"closed" OR categories:"open"`, `id > "a"`,
		`NOT categories:"open" OR id:*`} {
		try(akinv1.PaperService_ListPapers_FullMethodName)
		list, err := r.papers.ListPapers(bound, &akinv1.ListPapersRequest{Filter: text})
		seen("list "+text, list, err)

		try(akinv1.PaperService_ExportPapers_FullMethodName)
		export, err := r.papers.ExportPapers(bound, &akinv1.ExportPapersRequest{Filter: text})
		if err != nil {
			t.Fatal(err)
		}
		pieces, err := drained(export.Recv)
		seen("export "+text, &akinv1.ExportPapersResponse{Papers: pieces[0].GetPapers()}, err)

		options := &akinv1.SearchOptions{Filter: text}
		search := &akinv1.SearchPapersRequest{
			Query: &akinv1.SearchPapersRequest_Text{Text: "graph networks"}, Options: options, PageSize: 100,
		}
		try(akinv1.SimilarityService_SearchPapers_FullMethodName)
		found, err := r.similarity.SearchPapers(bound, search)
		seen("search "+text, found, err)
		try(akinv1.SimilarityService_BatchSearchPapers_FullMethodName)
		batch, err := r.similarity.BatchSearchPapers(bound,
			&akinv1.BatchSearchPapersRequest{Requests: []*akinv1.SearchPapersRequest{search}})
		seen("batch "+text, batch, err)
		try(akinv1.SimilarityService_RecommendPapers_FullMethodName)
		recommended, err := r.similarity.RecommendPapers(bound, &akinv1.RecommendPapersRequest{
			Likes:   []*akinv1.Preference{{Subject: &akinv1.Preference_PaperId{PaperId: "open-02"}}},
			Options: options, PageSize: 100,
		})
		seen("recommend "+text, recommended, err)
		try(akinv1.SimilarityService_FindDuplicates_FullMethodName)
		groups, err := r.similarity.FindDuplicates(bound, &akinv1.FindDuplicatesRequest{Filter: text})
		seen("duplicates "+text, groups, err)
		try(akinv1.IndexService_GetMap_FullMethodName)
		info, shown := r.drawnMap(bound, t, &akinv1.GetMapRequest{Filter: text})
		seen("map "+text, shown, nil)
		if info.GetFound() > 20 || len(info.GetLevels()) > 0 || slices.Contains(info.GetGroups(), "closed") {
			t.Errorf("map %q counts or names what is hidden: %v", text, info)
		}
		try(akinv1.IndexService_EvaluateRecall_FullMethodName)
		recall, err := r.index.EvaluateRecall(bound, &akinv1.EvaluateRecallRequest{Filter: text})
		if err != nil || recall.GetQueries() > 20 {
			t.Errorf("recall counts %v papers, %v", recall, err)
		}
	}
	byPaper := &akinv1.SearchPapersRequest{Query: &akinv1.SearchPapersRequest_PaperId{PaperId: "hidden-01"}}
	_, err = r.similarity.SearchPapers(bound, byPaper)
	hidden("search", err)
	batch, err := r.similarity.BatchSearchPapers(bound,
		&akinv1.BatchSearchPapersRequest{Requests: []*akinv1.SearchPapersRequest{byPaper}})
	if err != nil || codes.Code(batch.GetResults()[0].GetStatus().GetCode()) != codes.NotFound {
		t.Errorf("batch by a hidden paper: %v %v", batch, err)
	}
	for _, side := range []string{"likes", "dislikes"} {
		req := &akinv1.RecommendPapersRequest{Likes: []*akinv1.Preference{{Subject: &akinv1.Preference_Text{Text: "graph"}}}}
		subject := &akinv1.Preference{Subject: &akinv1.Preference_PaperId{PaperId: "hidden-01"}}
		if side == "likes" {
			req.Likes = append(req.Likes, subject)
		} else {
			req.Dislikes = append(req.Dislikes, subject)
		}
		found, err := r.similarity.RecommendPapers(bound, req)
		if err != nil || !slices.Equal(found.GetMissingPaperIds(), []string{"hidden-01"}) {
			t.Errorf("%s of a hidden paper: %v, missing %v", side, err, found.GetMissingPaperIds())
		}
		req.Strict = true
		_, err = r.similarity.RecommendPapers(bound, req)
		hidden(side, err)
	}
	// Without a like come the newest and most central papers, and a profile of the same name as another's is empty.
	_, err = akinv1.NewProfileServiceClient(r.conn).RecordEvents(withToken(ctx, tokens[0]),
		&akinv1.RecordEventsRequest{Events: []*akinv1.Event{
			{ProfileId: "reader", EventId: "1", PaperId: "hidden-01", Kind: akinv1.EventKind_EVENT_KIND_LIKE},
		}})
	if err != nil {
		t.Fatal(err)
	}
	for _, profile := range []string{"", "reader"} {
		cold, err := r.similarity.RecommendPapers(bound, &akinv1.RecommendPapersRequest{ProfileId: profile, PageSize: 100})
		seen("recommend without a like "+profile, cold, err)
		if len(cold.GetHits()) > 20 {
			t.Errorf("%d papers are recommended without a like", len(cold.GetHits()))
		}
	}
	// A page that began without the filter does not go on with it.
	page := &akinv1.SearchPapersRequest{Query: &akinv1.SearchPapersRequest_Text{Text: "graph networks"}, PageSize: 2}
	first, err := r.similarity.SearchPapers(withToken(ctx, tokens[0]), page)
	if err != nil || first.GetNextPageToken() == "" {
		t.Fatalf("a first page: %v, %v", first, err)
	}
	page.PageToken = first.GetNextPageToken()
	_, err = r.similarity.SearchPapers(bound, page)
	wantStatus(t, err, codes.InvalidArgument, "INVALID_PAGE_TOKEN")
	listed, err := r.papers.ListPapers(withToken(ctx, tokens[0]), &akinv1.ListPapersRequest{PageSize: 2})
	if err != nil || listed.GetNextPageToken() == "" {
		t.Fatalf("a first page of the list: %v, %v", listed, err)
	}
	_, err = r.papers.ListPapers(bound, &akinv1.ListPapersRequest{PageSize: 2, PageToken: listed.GetNextPageToken()})
	wantStatus(t, err, codes.InvalidArgument, "INVALID_PAGE_TOKEN")

	try(akinv1.SimilarityService_ExplainSimilarity_FullMethodName)
	explain := func(query, target string) error {
		_, err := r.similarity.ExplainSimilarity(bound, &akinv1.ExplainSimilarityRequest{
			Query: &akinv1.ExplainSimilarityRequest_PaperId{PaperId: query}, TargetPaperId: target,
		})
		return err
	}
	hidden("explain", explain("open-00", "hidden-01"))
	hidden("explain by", explain("hidden-01", "open-00"))
	if err := explain("open-00", "open-02"); err != nil {
		t.Errorf("explain: %v", err)
	}
	_, err = r.similarity.SearchPapers(bound, &akinv1.SearchPapersRequest{
		Query:   &akinv1.SearchPapersRequest_Text{Text: "graph"},
		Options: &akinv1.SearchOptions{Filter: `id = "x") OR (id > "a"`},
	})
	wantStatus(t, err, codes.InvalidArgument, "INVALID_FILTER")

	for _, method := range boundAlerts(ctx, t, r, bound, withToken(ctx, tokens[0])) {
		try(method)
	}

	for method, rule := range admit.Rules {
		if rule.Filtered && !tried[method] {
			t.Errorf("%s is marked as bound, and no case here tries it", method)
		}
	}
}
