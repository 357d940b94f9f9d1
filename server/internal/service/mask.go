package service

import (
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/paper/wire"
)

// paperMask is a set of fields of Paper: bit n stands for field number n.
type paperMask uint64

const (
	allFields     paperMask = 1<<64 - 1
	idField       paperMask = 1 << 1
	titleField    paperMask = 1 << 2
	abstractField paperMask = 1 << 3
	exceptText              = allFields &^ abstractField // the default wherever there are many papers
)

var paperFields = (*akinv1.Paper)(nil).ProtoReflect().Descriptor().Fields()

// readMask is what a request wants to see of papers. "*" stands for everything. The id is always in: without it nobody
// knows whose title it is.
func (c *validator) readMask(path string, m *fieldmaskpb.FieldMask, byDefault paperMask) paperMask {
	if len(m.GetPaths()) == 0 {
		return byDefault
	}
	mask := idField
	for i, name := range m.GetPaths() {
		switch name {
		case "*":
			mask = allFields
		case "id": // in already
		case "title":
			mask |= titleField
		default:
			field := paperFields.ByName(protoreflect.Name(name))
			if field == nil {
				c.addf(at(path+".paths", i), "is %s, which is no field of Paper: use %s", quoted(name), paperFieldNames())
				continue
			}
			mask |= 1 << field.Number()
		}
	}
	return mask
}

func paperFieldNames() string {
	names := make([]string, paperFields.Len())
	for i := range names {
		names[i] = string(paperFields.Get(i).Name())
	}
	return strings.Join(names, ", ")
}

func (m paperMask) abstracts() bool { return m&abstractField != 0 }

// brief reports whether ids and titles are all that is wanted.
func (m paperMask) brief() bool { return m&^(idField|titleField) == 0 }

// encode is the paper with the wanted fields alone.
func (m paperMask) encode(p *paper.Paper) *akinv1.Paper {
	if m.brief() {
		out := &akinv1.Paper{Id: p.ID}
		if m&titleField != 0 {
			out.Title = p.Title
		}
		return out
	}
	out := wire.ToProto(p)
	switch m {
	case allFields:
	case exceptText:
		out.Abstract = ""
	default:
		message := out.ProtoReflect()
		message.Range(func(field protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
			if m&(1<<field.Number()) == 0 {
				message.Clear(field)
			}
			return true
		})
	}
	return out
}
