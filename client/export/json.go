package export

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// jsonLines writes papers in protobuf's JSON form, one a line, which holds everything.
type jsonLines struct{ w io.Writer }

// Write writes one line.
func (j *jsonLines) Write(p *akinv1.Paper) error {
	raw, err := JSON(p)
	if err != nil {
		return err
	}
	_, err = j.w.Write(append(raw, '\n'))
	return err
}

// JSON is a paper in protobuf's JSON form with the field names of the contract, on one line.
func JSON(p *akinv1.Paper) ([]byte, error) {
	raw, err := Message(p)
	if err != nil {
		return nil, fmt.Errorf("paper %q: %w", p.GetId(), err)
	}
	return raw, nil
}

// Message is any message of the contract in protobuf's JSON form with the field names of the contract, on one line.
func Message(m proto.Message) ([]byte, error) {
	raw, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer // protojson's white space differs from run to run on purpose
	if err := json.Compact(&b, raw); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Close has nothing to write.
func (j *jsonLines) Close() error { return nil }

// csl writes one array of CSL-JSON items. What CSL has no place for stands in custom.akin.
type csl struct {
	w     io.Writer
	begun bool
}

// cslName is a person or a group.
type cslName struct {
	Family  string `json:"family,omitempty"`
	Given   string `json:"given,omitempty"`
	Suffix  string `json:"suffix,omitempty"`
	Literal string `json:"literal,omitempty"`
}

// cslDate is a date in parts.
type cslDate struct {
	Parts [][]int `json:"date-parts"`
}

// cslItem is one work.
type cslItem struct {
	ID        string    `json:"id"`
	Type      string    `json:"type"`
	Title     string    `json:"title,omitempty"`
	Author    []cslName `json:"author,omitempty"`
	Issued    *cslDate  `json:"issued,omitempty"`
	Container string    `json:"container-title,omitempty"`
	Volume    string    `json:"volume,omitempty"`
	Issue     string    `json:"issue,omitempty"`
	Page      string    `json:"page,omitempty"`
	Publisher string    `json:"publisher,omitempty"`
	ISSN      string    `json:"ISSN,omitempty"`
	ISBN      string    `json:"ISBN,omitempty"`
	Language  string    `json:"language,omitempty"`
	DOI       string    `json:"DOI,omitempty"`
	URL       string    `json:"URL,omitempty"`
	PMID      string    `json:"PMID,omitempty"`
	PMCID     string    `json:"PMCID,omitempty"`
	Keyword   string    `json:"keyword,omitempty"`
	Abstract  string    `json:"abstract,omitempty"`
	Custom    struct {
		Akin cslAkin `json:"akin"`
	} `json:"custom"`
}

// cslAkin is a paper's own fields as they are, which the importer prefers.
type cslAkin struct {
	Categories []string       `json:"categories,omitempty"`
	Published  string         `json:"publish_time,omitempty"` // RFC 3339
	Attributes map[string]any `json:"attributes,omitempty"`
}

// Write writes one item.
func (c *csl) Write(p *akinv1.Paper) error {
	item := cslItem{
		ID: p.GetId(), Type: "article", Title: p.GetTitle(), Abstract: p.GetAbstract(), DOI: p.GetDoi(), URL: p.GetUrl(),
		Container: attribute(p, "venue"), Volume: attribute(p, "volume"), Issue: attribute(p, "issue"),
		Page:      attribute(p, "pages"),
		Publisher: attribute(p, "publisher"), ISSN: attribute(p, "issn"), ISBN: attribute(p, "isbn"),
		Language: attribute(p, "language"),
		PMID:     attribute(p, "pmid"), PMCID: attribute(p, "pmcid"), Keyword: strings.Join(p.GetCategories(), ", "),
	}
	if k := kindOf(p); k >= 0 {
		item.Type = kinds[k].csl
	}
	if own := attribute(p, "type"); cslTypes[own] {
		item.Type = own
	}
	for _, a := range p.GetAuthors() {
		if n := nameOf(a); n.given == "" || strings.Contains(a, ",") {
			item.Author = append(item.Author, cslName{Literal: a})
		} else {
			item.Author = append(item.Author, cslName{Family: n.family, Given: n.given, Suffix: n.suffix})
		}
	}
	if year, month, day, ok := date(p); ok {
		parts := []int{year, month, day}
		for parts[len(parts)-1] == 0 {
			parts = parts[:len(parts)-1]
		}
		item.Issued = &cslDate{Parts: [][]int{parts}}
	}
	akin := &item.Custom.Akin
	akin.Categories, akin.Attributes = p.GetCategories(), attributes(p)
	if p.GetPublishTime().IsValid() {
		akin.Published = p.GetPublishTime().AsTime().Format("2006-01-02T15:04:05.999999999Z07:00")
	}
	var b bytes.Buffer
	b.WriteString(map[bool]string{false: "[\n", true: ",\n"}[c.begun])
	c.begun = true
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(item); err != nil {
		return fmt.Errorf("paper %q: %w", p.GetId(), err)
	}
	_, err := c.w.Write(bytes.TrimRight(b.Bytes(), "\n"))
	return err
}

// Close ends the array.
func (c *csl) Close() error {
	end := "\n]\n"
	if !c.begun {
		end = "[]\n"
	}
	_, err := io.WriteString(c.w, end)
	return err
}

// attributes returns a paper's attributes as JSON scalars, without some.
func attributes(p *akinv1.Paper, without ...string) map[string]any {
	m := make(map[string]any, len(p.GetAttributes()))
	for name, v := range p.GetAttributes() {
		switch v := v.GetValue().(type) {
		case *akinv1.AttributeValue_StringValue:
			m[name] = v.StringValue
		case *akinv1.AttributeValue_DoubleValue:
			m[name] = v.DoubleValue
		case *akinv1.AttributeValue_BoolValue:
			m[name] = v.BoolValue
		}
	}
	for _, name := range without {
		if _, isText := m[name].(string); isText {
			delete(m, name)
		}
	}
	return m
}
