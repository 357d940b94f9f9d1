package service

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/paper/wire"
)

func repeated(s string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = s
	}
	return out
}

func attributes(n int) map[string]*akinv1.AttributeValue {
	out := make(map[string]*akinv1.AttributeValue, n)
	for i := range n {
		out[fmt.Sprintf("a%d", i)] = &akinv1.AttributeValue{Value: &akinv1.AttributeValue_BoolValue{BoolValue: true}}
	}
	return out
}

func TestPapersAtEveryLimitAreTaken(t *testing.T) {
	p := &akinv1.Paper{
		Id:          strings.Repeat("i", 256),
		Title:       strings.Repeat("t", 2048),
		Abstract:    strings.Repeat("a", 65536),
		Authors:     repeated(strings.Repeat("n", 512), 1000),
		Categories:  repeated(strings.Repeat("c", 128), 64),
		PublishTime: &timestamppb.Timestamp{Seconds: 253402300799},
		Url:         strings.Repeat("u", 2048),
		Doi:         strings.Repeat("d", 256),
		Attributes:  attributes(63),
	}
	p.Attributes[strings.Repeat("k", 64)] = &akinv1.AttributeValue{
		Value: &akinv1.AttributeValue_StringValue{StringValue: strings.Repeat("v", 1024)},
	}
	got, err := decodePaper("paper", p)
	if err != nil {
		t.Fatal(err)
	}
	if back := wire.ToProto(got); !proto.Equal(back, p) {
		t.Error("the paper changed on its way in")
	}
}

func TestAFaultyPaperNamesTheFieldAndTheLimit(t *testing.T) {
	value := func(v *akinv1.AttributeValue) func(*akinv1.Paper) {
		return func(p *akinv1.Paper) { p.Attributes = map[string]*akinv1.AttributeValue{"x": v} }
	}
	name := func(n string) func(*akinv1.Paper) {
		return func(p *akinv1.Paper) {
			p.Attributes = map[string]*akinv1.AttributeValue{n: attributes(1)["a0"]}
		}
	}
	cases := []struct {
		change      func(p *akinv1.Paper)
		field, text string
	}{
		{func(p *akinv1.Paper) { p.Id = "" }, "paper.id", "required"},
		{func(p *akinv1.Paper) { p.Id = strings.Repeat("é", 129) }, "paper.id", "256"},
		{func(p *akinv1.Paper) { p.Id = "a\tb" }, "paper.id", "control character at byte 1"},
		{func(p *akinv1.Paper) { p.Id = "a\x00" }, "paper.id", "control character"},
		{func(p *akinv1.Paper) { p.Id = "a\u0085" }, "paper.id", "control character"},
		{func(p *akinv1.Paper) { p.Id = "  " }, "paper.id", "blank"},
		{func(p *akinv1.Paper) { p.Id = "\u3000" }, "paper.id", "blank"},
		{func(p *akinv1.Paper) { p.Id = "a\u200b" }, "paper.id", "U+200B at byte 1"},
		{func(p *akinv1.Paper) { p.Id = "\ufeffa" }, "paper.id", "U+FEFF"},
		{func(p *akinv1.Paper) { p.Id = "a\u00a0b" }, "paper.id", "U+00A0"},
		{func(p *akinv1.Paper) { p.Id = "a\u202eb" }, "paper.id", "U+202E"},
		{func(p *akinv1.Paper) { p.Id = "a\u3164" }, "paper.id", "U+3164"},
		{func(p *akinv1.Paper) { p.Id = "a\xff" }, "paper.id", "UTF-8"},
		{func(p *akinv1.Paper) { p.Title, p.Abstract = "", " \n" }, "paper.title", "abstract"},
		{func(p *akinv1.Paper) { p.Title = strings.Repeat("t", 2049) }, "paper.title", "2048"},
		{func(p *akinv1.Paper) { p.Title = "\xc3" }, "paper.title", "UTF-8"},
		{func(p *akinv1.Paper) { p.Abstract = strings.Repeat("a", 65537) }, "paper.abstract", "65536"},
		{func(p *akinv1.Paper) { p.Authors = repeated("n", 1001) }, "paper.authors", "1000"},
		{func(p *akinv1.Paper) { p.Authors = []string{"n", strings.Repeat("n", 513)} }, "paper.authors[1]", "512"},
		{func(p *akinv1.Paper) { p.Categories = repeated("c", 65) }, "paper.categories", "64"},
		{func(p *akinv1.Paper) { p.Categories = []string{"c", ""} }, "paper.categories[1]", "empty"},
		{func(p *akinv1.Paper) { p.Categories = []string{strings.Repeat("c", 129)} }, "paper.categories[0]", "128"},
		{func(p *akinv1.Paper) { p.PublishTime = &timestamppb.Timestamp{Seconds: 253402300800} },
			"paper.publish_time", "9999"},
		{func(p *akinv1.Paper) { p.PublishTime = &timestamppb.Timestamp{Nanos: -1} }, "paper.publish_time", "time"},
		{func(p *akinv1.Paper) { p.Url = strings.Repeat("u", 2049) }, "paper.url", "2048"},
		{func(p *akinv1.Paper) { p.Doi = strings.Repeat("d", 257) }, "paper.doi", "256"},
		{func(p *akinv1.Paper) { p.Attributes = attributes(65) }, "paper.attributes", "64"},
		{name(""), "paper.attributes", "name"},
		{name("1st"), "paper.attributes", "digit"},
		{name("a-b"), "paper.attributes", "a-b"},
		{name(strings.Repeat("n", 65)), "paper.attributes", "64"},
		{value(nil), `paper.attributes["x"]`, "no value"},
		{value(&akinv1.AttributeValue{}), `paper.attributes["x"]`, "no value"},
		{value(&akinv1.AttributeValue{Value: &akinv1.AttributeValue_DoubleValue{DoubleValue: math.NaN()}}),
			`paper.attributes["x"].double_value`, "finite"},
		{value(&akinv1.AttributeValue{Value: &akinv1.AttributeValue_DoubleValue{DoubleValue: math.Inf(-1)}}),
			`paper.attributes["x"].double_value`, "finite"},
		{value(&akinv1.AttributeValue{Value: &akinv1.AttributeValue_StringValue{StringValue: strings.Repeat("v", 1025)}}),
			`paper.attributes["x"].string_value`, "1024"},
	}
	for _, c := range cases {
		t.Run(c.field+" "+c.text, func(t *testing.T) {
			p := testPaper("id", "title", "abstract")
			c.change(p)
			_, err := decodePaper("paper", p)
			wantViolation(t, err, "INVALID_FIELD", c.field, c.text)
		})
	}
	_, err := decodePaper("paper", nil)
	wantViolation(t, err, "INVALID_FIELD", "paper", "required")
}

func TestOutputOnlyFieldsAreIgnored(t *testing.T) {
	p := testPaper("id", "title", "")
	p.Revision, p.CreateTime, p.UpdateTime = 7, timestamppb.Now(), timestamppb.Now()
	got, err := decodePaper("paper", p)
	if err != nil {
		t.Fatal(err)
	}
	if got.Revision != 0 || !got.CreateTime.IsZero() || !got.UpdateTime.IsZero() {
		t.Errorf("got %+v", got)
	}
}

func TestABatchNamesTheFaultyPapers(t *testing.T) {
	req := &akinv1.BatchUpsertPapersRequest{Papers: []*akinv1.Paper{
		testPaper("a", "title", ""), testPaper("b", "title", ""), nil, testPaper("a", "title", ""),
		testPaper("c", "", strings.Repeat("a", 65537)),
	}}
	_, err := decodePapers(req)
	wantViolation(t, err, "INVALID_FIELD", "papers[2]", "required")
	wantViolation(t, err, "INVALID_FIELD", "papers[3].id", "papers[0]")
	wantViolation(t, err, "INVALID_FIELD", "papers[4].abstract", "65536")
	_, err = decodePapers(&akinv1.BatchUpsertPapersRequest{})
	wantViolation(t, err, "INVALID_FIELD", "papers", "empty")
	_, err = decodePapers(&akinv1.BatchUpsertPapersRequest{Papers: make([]*akinv1.Paper, 1001)})
	wantViolation(t, err, "INVALID_FIELD", "papers", "1000")
}

func TestManyFaultsFitIntoTrailers(t *testing.T) {
	req := &akinv1.BatchUpsertPapersRequest{}
	for i := range 1000 {
		req.Papers = append(req.Papers, &akinv1.Paper{
			Id:         fmt.Sprint(i, "\n", strings.Repeat("ü", 100)),
			Attributes: map[string]*akinv1.AttributeValue{strings.Repeat("é", 300): nil},
		})
	}
	_, err := decodePapers(req)
	st := wantStatus(t, err, codes.InvalidArgument, "INVALID_FIELD")
	// gRPC sends the status encoded in base64, and the message percent-encoded beside it.
	if size := proto.Size(st.Proto())*4/3 + 3*len(st.Message()); size > 6<<10 {
		t.Errorf("the status takes %d bytes of trailers", size)
	}
	if !strings.Contains(st.Message(), "more faulty fields") {
		t.Errorf("the message hides how many: %s", st.Message())
	}
}

func TestAFaultySearchNamesTheField(t *testing.T) {
	text := &akinv1.SearchPapersRequest_Text{Text: "graph networks"}
	with := func(o *akinv1.SearchOptions) *akinv1.SearchPapersRequest {
		return &akinv1.SearchPapersRequest{Query: text, Options: o}
	}
	vector := func(model string, values ...float32) *akinv1.SearchPapersRequest {
		return &akinv1.SearchPapersRequest{Query: &akinv1.SearchPapersRequest_Vector{
			Vector: &akinv1.VectorQuery{Model: model, Values: values},
		}}
	}
	nan := float32(math.NaN())
	cases := []struct {
		req         *akinv1.SearchPapersRequest
		field, text string
	}{
		{&akinv1.SearchPapersRequest{}, "query", "text, paper_id and vector"},
		{&akinv1.SearchPapersRequest{Query: &akinv1.SearchPapersRequest_Text{}}, "text", "empty"},
		{&akinv1.SearchPapersRequest{Query: &akinv1.SearchPapersRequest_Text{Text: " \t\n"}}, "text", "empty"},
		{&akinv1.SearchPapersRequest{Query: &akinv1.SearchPapersRequest_Text{Text: strings.Repeat("a", 65537)}},
			"text", "65536"},
		{&akinv1.SearchPapersRequest{Query: &akinv1.SearchPapersRequest_PaperId{}}, "paper_id", "required"},
		{&akinv1.SearchPapersRequest{Query: &akinv1.SearchPapersRequest_PaperId{PaperId: "a\nb"}}, "paper_id", "control"},
		{&akinv1.SearchPapersRequest{Query: &akinv1.SearchPapersRequest_Vector{}}, "vector.model", "required"},
		{vector("", 1), "vector.model", "EmbedTexts"},
		{vector("m"), "vector.values", "empty"},
		{vector("m", 1, nan), "vector.values[1]", "NaN"},
		{vector("m", float32(math.Inf(1))), "vector.values[0]", "Inf"},
		{vector("m", 0, 0), "vector.values", "zero"},
		{vector("m", make([]float32, 65537)...), "vector.values", "65536"},
		{&akinv1.SearchPapersRequest{Query: text, PageSize: -1}, "page_size", "negative"},
		{&akinv1.SearchPapersRequest{Query: text, PageToken: strings.Repeat("t", 1025)}, "page_token", "1024"},
		{with(&akinv1.SearchOptions{Filter: strings.Repeat("f", 4097)}), "options.filter", "4096"},
		{with(&akinv1.SearchOptions{Mode: 9}), "options.mode", "SearchMode"},
		{with(&akinv1.SearchOptions{Ef: -1}), "options.ef", "4096"},
		{with(&akinv1.SearchOptions{Ef: 4097}), "options.ef", "4096"},
		{with(&akinv1.SearchOptions{DenseWeight: proto.Float64(1.01)}), "options.dense_weight", "0 to 1"},
		{with(&akinv1.SearchOptions{DenseWeight: proto.Float64(math.NaN())}), "options.dense_weight", "NaN"},
		{with(&akinv1.SearchOptions{Diversity: -.1}), "options.diversity", "0 to 1"},
		{with(&akinv1.SearchOptions{MinCosine: proto.Float64(math.NaN())}), "options.min_cosine", "-1 to 1"},
		{with(&akinv1.SearchOptions{MinOneIn: 1_000_001}), "options.min_one_in", "0 to 1e+06"},
		{with(&akinv1.SearchOptions{MinOneIn: -1}), "options.min_one_in", "0 to 1e+06"},
		{with(&akinv1.SearchOptions{RecencyHalfLife: &durationpb.Duration{Seconds: 3599}}),
			"options.recency_half_life", "3600"},
		{with(&akinv1.SearchOptions{RecencyHalfLife: &durationpb.Duration{Seconds: -3600}}),
			"options.recency_half_life", "3600"},
		{with(&akinv1.SearchOptions{ReadMask: &fieldmaskpb.FieldMask{Paths: []string{"id", "abstracts"}}}),
			"options.read_mask.paths[1]", "abstract,"},
		{with(&akinv1.SearchOptions{ReadMask: &fieldmaskpb.FieldMask{Paths: []string{"attributes.year"}}}),
			"options.read_mask.paths[0]", "no field"},
	}
	for _, c := range cases {
		t.Run(c.field+" "+c.text, func(t *testing.T) {
			_, _, err := decodeSearch(c.req)
			wantViolation(t, err, "INVALID_FIELD", c.field, c.text)
		})
	}
}

func TestAFaultyRecommendationNamesTheField(t *testing.T) {
	like := []*akinv1.Preference{{Subject: &akinv1.Preference_PaperId{PaperId: "a"}}}
	cases := []struct {
		req         *akinv1.RecommendPapersRequest
		field, text string
	}{
		{&akinv1.RecommendPapersRequest{Likes: make([]*akinv1.Preference, 1001)}, "likes", "1000"},
		{&akinv1.RecommendPapersRequest{Likes: like, Dislikes: make([]*akinv1.Preference, 1001)}, "dislikes", "1000"},
		{&akinv1.RecommendPapersRequest{Likes: []*akinv1.Preference{nil}}, "likes[0]", "paper_id, text and vector"},
		{&akinv1.RecommendPapersRequest{Likes: []*akinv1.Preference{{Subject: &akinv1.Preference_Vector{}}}},
			"likes[0].vector.values", "empty"},
		{&akinv1.RecommendPapersRequest{Likes: like, Dislikes: []*akinv1.Preference{{Subject: &akinv1.Preference_Text{}}}},
			"dislikes[0].text", "empty"},
		{&akinv1.RecommendPapersRequest{Likes: []*akinv1.Preference{{Subject: like[0].Subject, Weight: -1}}},
			"likes[0].weight", "1000"},
		{&akinv1.RecommendPapersRequest{Likes: []*akinv1.Preference{{Subject: like[0].Subject, Weight: math.NaN()}}},
			"likes[0].weight", "NaN"},
		{&akinv1.RecommendPapersRequest{Likes: like, ExcludePaperIds: repeated("x", 10001)}, "exclude_paper_ids", "10000"},
		{&akinv1.RecommendPapersRequest{Likes: like, ExcludePaperIds: []string{"x", ""}}, "exclude_paper_ids[1]", "required"},
		{&akinv1.RecommendPapersRequest{Likes: like, PageSize: -1}, "page_size", "negative"},
		{&akinv1.RecommendPapersRequest{Likes: like, Options: &akinv1.SearchOptions{Ef: 9999}}, "options.ef", "4096"},
	}
	for _, c := range cases {
		t.Run(c.field+" "+c.text, func(t *testing.T) {
			_, _, err := decodeRecommend(c.req)
			wantViolation(t, err, "INVALID_FIELD", c.field, c.text)
		})
	}
}

func TestTheOtherRequestsNameTheFieldToo(t *testing.T) {
	second := func(_ any, err error) error { return err }
	third := func(_, _ any, err error) error { return err }
	cases := []struct {
		err         error
		field, text string
	}{
		{decodeID("id", ""), "id", "required"},
		{func() error {
			_, _, err := decodeGet(&akinv1.GetPaperRequest{Id: "a", ReadMask: &fieldmaskpb.FieldMask{Paths: []string{"x"}}})
			return err
		}(), "read_mask.paths[0]", "no field"},
		{func() error { _, _, err := decodeBatchGet(&akinv1.BatchGetPapersRequest{}); return err }(), "ids", "empty"},
		{func() error {
			_, _, err := decodeBatchGet(&akinv1.BatchGetPapersRequest{Ids: repeated("a", 1001)})
			return err
		}(), "ids", "1000"},
		{func() error {
			_, _, err := decodeBatchGet(&akinv1.BatchGetPapersRequest{Ids: []string{"a", "\x01"}})
			return err
		}(), "ids[1]", "control"},
		{third(asAny2(decodeList(&akinv1.ListPapersRequest{PageSize: -5}))), "page_size", "-5"},
		{second(asAny(decodePurge(&akinv1.PurgePapersRequest{}))), "filter", "required"},
		{second(asAny(decodePurge(&akinv1.PurgePapersRequest{Filter: strings.Repeat("x", 4097)}))), "filter", "4096"},
		{second(asAny(decodeExport(&akinv1.ExportPapersRequest{Filter: strings.Repeat("x", 4097)}))), "filter", "4096"},
		{second(asAny(decodeExplain(&akinv1.ExplainSimilarityRequest{TargetPaperId: "a"}))), "query", "text and paper_id"},
		{second(asAny(decodeExplain(&akinv1.ExplainSimilarityRequest{
			Query: &akinv1.ExplainSimilarityRequest_Text{Text: "x"},
		}))), "target_paper_id", "required"},
		{second(asAny(decodeExplain(&akinv1.ExplainSimilarityRequest{MaxTerms: 201}))), "max_terms", "200"},
		{second(asAny(decodeDuplicates(&akinv1.FindDuplicatesRequest{MinCosine: .4}))), "min_cosine", "0.5"},
		{second(asAny(decodeDuplicates(&akinv1.FindDuplicatesRequest{MinCosine: math.NaN()}))), "min_cosine", "NaN"},
		{second(asAny(decodeEmbed(&akinv1.EmbedTextsRequest{}))), "texts", "empty"},
		{second(asAny(decodeEmbed(&akinv1.EmbedTextsRequest{Texts: []string{"a", ""}}))), "texts[1]", "empty"},
		{second(asAny(decodeEmbed(&akinv1.EmbedTextsRequest{Texts: repeated("a", 1001)}))), "texts", "1000"},
		{second(asAny(decodeTrain(&akinv1.TrainModelRequest{Epochs: 101}))), "epochs", "100"},
		{second(asAny(decodeTrain(&akinv1.TrainModelRequest{Epochs: -1}))), "epochs", "1 to 100"},
		{second(asAny(decodeMap(&akinv1.GetMapRequest{MaxPapers: -1}))), "max_papers", "1e+07"},
		{second(asAny(decodeMap(&akinv1.GetMapRequest{GroupBy: strings.Repeat("g", 65)}))), "group_by", "64"},
		{second(asAny(decodeRecall(&akinv1.EvaluateRecallRequest{Queries: 10001}))), "queries", "10000"},
		{second(asAny(decodeRecall(&akinv1.EvaluateRecallRequest{K: -1}))), "k", "1000"},
		{second(asAny(decodeRecall(&akinv1.EvaluateRecallRequest{Ef: 5000}))), "ef", "4096"},
		{checkBatch(&akinv1.BatchSearchPapersRequest{}), "requests", "empty"},
		{checkBatch(&akinv1.BatchSearchPapersRequest{Requests: make([]*akinv1.SearchPapersRequest, 101)}), "requests", "100"},
	}
	for _, c := range cases {
		t.Run(c.field+" "+c.text, func(t *testing.T) { wantViolation(t, c.err, "INVALID_FIELD", c.field, c.text) })
	}
}

func asAny[T any](v T, err error) (any, error)               { return v, err }
func asAny2[T, U any](v T, u U, err error) (any, any, error) { return v, u, err }

func TestDefaultsAreThoseOfTheContract(t *testing.T) {
	q, mask, err := decodeSearch(&akinv1.SearchPapersRequest{Query: &akinv1.SearchPapersRequest_Text{Text: "a"}})
	if err != nil || q.PageSize != 10 || mask != exceptText || q.Mode != engine.ModeAuto || q.DenseWeight != nil ||
		q.MinCosine != nil || q.Abstracts {
		t.Errorf("search: %+v %v", q, err)
	}
	r, _, err := decodeRecommend(&akinv1.RecommendPapersRequest{
		Likes: []*akinv1.Preference{{Subject: &akinv1.Preference_PaperId{PaperId: "a"}}},
	})
	if err != nil || r.PageSize != 10 || r.Likes[0].Weight != 1 {
		t.Errorf("recommend: %+v %v", r, err)
	}
	l, mask, err := decodeList(&akinv1.ListPapersRequest{})
	if err != nil || l.PageSize != 100 || mask != exceptText {
		t.Errorf("list: %+v %v", l, err)
	}
	if l, _, err = decodeList(&akinv1.ListPapersRequest{PageSize: 5000}); err != nil || l.PageSize != 1000 {
		t.Errorf("a large page: %+v %v", l, err)
	}
	x, err := decodeExplain(&akinv1.ExplainSimilarityRequest{
		Query: &akinv1.ExplainSimilarityRequest_PaperId{PaperId: "a"}, TargetPaperId: "b",
	})
	if err != nil || x.MaxTerms != 20 {
		t.Errorf("explain: %+v %v", x, err)
	}
	d, err := decodeDuplicates(&akinv1.FindDuplicatesRequest{})
	if err != nil || d.MinCosine != .95 || d.PageSize != 100 {
		t.Errorf("duplicates: %+v %v", d, err)
	}
	o, err := decodeTrain(&akinv1.TrainModelRequest{})
	if err != nil || o.Epochs != 0 || o.Seed != 1 {
		t.Errorf("train: %+v %v", o, err)
	}
	e, err := decodeRecall(&akinv1.EvaluateRecallRequest{})
	if err != nil || e.Queries != 200 || e.K != 10 || e.Seed != 1 {
		t.Errorf("recall: %+v %v", e, err)
	}
	if filter, err := decodePurge(&akinv1.PurgePapersRequest{Filter: "*"}); err != nil || filter != nil {
		t.Errorf("purge of all: %q %v", filter, err)
	}
}

// TestAFilterIsReadAtTheEdge: the field that holds it is named, and the fault once.
func TestAFilterIsReadAtTheEdge(t *testing.T) {
	const wrong = `colour = "red"`
	searched := searchText("graph")
	searched.Options = &akinv1.SearchOptions{Filter: wrong}
	_, _, inOptions := decodeSearch(searched)
	_, alone := decodeExport(&akinv1.ExportPapersRequest{Filter: wrong})
	for field, err := range map[string]error{"options.filter": inOptions, "filter": alone} {
		wantViolation(t, err, "INVALID_FILTER", field, "is wrong at character 1")
		if text := status.Convert(err).Message(); strings.Count(text, "wrong")+strings.Count(text, "invalid") != 1 {
			t.Errorf("the fault is told more than once: %s", text)
		}
	}
	q, _, err := decodeList(&akinv1.ListPapersRequest{Filter: `categories:"cs.LG"`})
	if err != nil || q.Filter.String() != `categories:"cs.LG"` {
		t.Errorf("a good filter came out as %v, %v", q.Filter, err)
	}
}

func TestTheReadMaskPicksFields(t *testing.T) {
	p, err := decodePaper("paper", &akinv1.Paper{
		Id: "a", Title: "t", Abstract: "b", Authors: []string{"n"}, Attributes: attributes(2), PublishTime: timestamppb.Now(),
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		paths string
		want  string // names of the fields that are set
	}{
		{"", "id title authors publish_time attributes"},
		{"*", "id title abstract authors publish_time attributes"},
		{"abstract id", "id abstract"},
		{"attributes", "id attributes"},
		{"doi", "id"},
	} {
		var check validator
		mask := check.readMask("read_mask", &fieldmaskpb.FieldMask{Paths: strings.Fields(c.paths)}, exceptText)
		if !check.ok() {
			t.Fatal(check.err())
		}
		var set []string
		message := mask.encode(p).ProtoReflect()
		for i := range paperFields.Len() {
			if field := paperFields.Get(i); message.Has(field) {
				set = append(set, string(field.Name()))
			}
		}
		if got := strings.Join(set, " "); got != c.want {
			t.Errorf("mask %q: got %q, want %q", c.paths, got, c.want)
		}
	}
	if p.Attributes == nil || p.Authors == nil {
		t.Error("the mask took fields from the shared paper")
	}
}

// FuzzPapersFromOutside holds that whatever is accepted keeps the limits, and comes back as it was sent.
func FuzzPapersFromOutside(f *testing.F) {
	for _, p := range []*akinv1.Paper{testPaper("a", "b", "c"), {Id: "x\n", Attributes: attributes(3)}, {Title: "\x00"}} {
		b, err := proto.Marshal(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var in akinv1.Paper
		if proto.Unmarshal(b, &in) != nil {
			return
		}
		p, err := decodePaper("paper", &in)
		if err != nil {
			if status.Code(err) != codes.InvalidArgument || len(violationsOf(status.Convert(err))) == 0 {
				t.Fatalf("refused without a violation: %v", err)
			}
			return
		}
		if p.ID == "" || len(p.ID) > 256 || strings.ContainsFunc(p.ID, unicode.IsControl) || !utf8.ValidString(p.ID) {
			t.Errorf("accepted the id %q", p.ID)
		}
		for name, v := range p.Attributes {
			if v.Kind == 0 || v.Kind == paper.NumberValue && !isFinite(v.Number) {
				t.Errorf("accepted %q = %+v", name, v)
			}
		}
		back := allFields.encode(p)
		in.CreateTime, in.UpdateTime, in.Revision = nil, nil, 0
		in.ProtoReflect().SetUnknown(nil)
		if !proto.Equal(back, &in) && !hasHiddenParts(&in) {
			t.Errorf("sent %v\nkept %v", &in, back)
		}
	})
}

// hasHiddenParts reports what a Paper cannot keep: unknown fields inside its messages, and the one time that stands for
// no time.
func hasHiddenParts(p *akinv1.Paper) bool {
	if t := p.GetPublishTime(); t != nil && (t.AsTime().IsZero() || len(t.ProtoReflect().GetUnknown()) > 0) {
		return true
	}
	for _, v := range p.GetAttributes() {
		if len(v.ProtoReflect().GetUnknown()) > 0 {
			return true
		}
	}
	return false
}
