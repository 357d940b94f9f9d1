// Package wire is the one place where a paper changes between the server's own form, paper.Paper, and the protobuf
// message akin.v1.Paper: the service uses it at the edge, the store for what it keeps on disk.
//
// There are two ways through it. ToProto and FromProto convert to and from the generated message. Append and Decode go
// straight between paper.Paper and the message's bytes, without the generated struct in between: the store reads ten
// papers for every search, and the short way costs a third of the long one. Both ways agree byte for byte, which a fuzz
// test holds.
package wire

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/akin-search/akin/server/internal/paper"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// ToProto converts a paper. The message shares the paper's slices and must not be changed. A zero time is an unset
// field. Nil gives nil.
func ToProto(p *paper.Paper) *akinv1.Paper {
	if p == nil {
		return nil
	}
	m := &akinv1.Paper{
		Id:          p.ID,
		Title:       p.Title,
		Abstract:    p.Abstract,
		Authors:     p.Authors,
		Categories:  p.Categories,
		PublishTime: timeToProto(p.PublishTime),
		Url:         p.URL,
		Doi:         p.DOI,
		CreateTime:  timeToProto(p.CreateTime),
		UpdateTime:  timeToProto(p.UpdateTime),
		Revision:    p.Revision,
	}
	if len(p.Attributes) > 0 {
		m.Attributes = make(map[string]*akinv1.AttributeValue, len(p.Attributes))
		for name, v := range p.Attributes {
			m.Attributes[name] = valueToProto(v)
		}
	}
	return m
}

// FromProto converts a message, output-only fields included: whoever takes papers from outside ignores those. The
// paper shares the message's slices. It checks nothing; an attribute without a value becomes a Value without a kind.
// Nil gives nil.
func FromProto(m *akinv1.Paper) *paper.Paper {
	if m == nil {
		return nil
	}
	p := &paper.Paper{
		ID:          m.GetId(),
		Title:       m.GetTitle(),
		Abstract:    m.GetAbstract(),
		Authors:     m.GetAuthors(),
		Categories:  m.GetCategories(),
		PublishTime: timeFromProto(m.GetPublishTime()),
		URL:         m.GetUrl(),
		DOI:         m.GetDoi(),
		CreateTime:  timeFromProto(m.GetCreateTime()),
		UpdateTime:  timeFromProto(m.GetUpdateTime()),
		Revision:    m.GetRevision(),
	}
	if len(m.GetAttributes()) > 0 {
		p.Attributes = make(map[string]paper.Value, len(m.GetAttributes()))
		for name, v := range m.GetAttributes() {
			p.Attributes[name] = valueFromProto(v)
		}
	}
	return p
}

// valueToProto converts one attribute.
func valueToProto(v paper.Value) *akinv1.AttributeValue {
	switch v.Kind {
	case paper.StringValue:
		return &akinv1.AttributeValue{Value: &akinv1.AttributeValue_StringValue{StringValue: v.String}}
	case paper.NumberValue:
		return &akinv1.AttributeValue{Value: &akinv1.AttributeValue_DoubleValue{DoubleValue: v.Number}}
	case paper.BoolValue:
		return &akinv1.AttributeValue{Value: &akinv1.AttributeValue_BoolValue{BoolValue: v.Bool}}
	}
	return &akinv1.AttributeValue{}
}

// valueFromProto converts one attribute.
func valueFromProto(m *akinv1.AttributeValue) paper.Value {
	switch v := m.GetValue().(type) {
	case *akinv1.AttributeValue_StringValue:
		return paper.Value{Kind: paper.StringValue, String: v.StringValue}
	case *akinv1.AttributeValue_DoubleValue:
		return paper.Value{Kind: paper.NumberValue, Number: v.DoubleValue}
	case *akinv1.AttributeValue_BoolValue:
		return paper.Value{Kind: paper.BoolValue, Bool: v.BoolValue}
	}
	return paper.Value{}
}

// timeToProto leaves the zero time unset.
func timeToProto(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// timeFromProto gives UTC, and the zero time for an unset field.
func timeFromProto(m *timestamppb.Timestamp) time.Time {
	if m == nil {
		return time.Time{}
	}
	return m.AsTime()
}
