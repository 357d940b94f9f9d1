package shard

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"

	"github.com/cespare/xxhash/v2"

	"github.com/akin-search/akin/server/internal/engine"
)

// page is what a page token of a front carries: it pins the answer that its first page came from, to a model and to a
// revision of each shard.
type page struct {
	model         uint64 // hash of the fingerprint
	depth, offset uint32 // hits ranked, and hits on the pages before
	revisions     []uint64
}

// encode makes the token, bound to the request by its hash.
func (p page) encode(request uint64) string {
	b := binary.LittleEndian.AppendUint64(make([]byte, 0, 24+8*len(p.revisions)), p.model)
	b = binary.LittleEndian.AppendUint32(b, p.depth)
	b = binary.LittleEndian.AppendUint32(b, p.offset)
	for _, revision := range p.revisions {
		b = binary.LittleEndian.AppendUint64(b, revision)
	}
	b = binary.LittleEndian.AppendUint64(b, request^xxhash.Sum64(b))
	return base64.RawURLEncoding.EncodeToString(b)
}

// decodePage reads a token that a front of as many shards made for the same request.
func decodePage(token string, request uint64, shards int) (page, error) {
	p, owner, err := parsePage(token, shards)
	if err != nil {
		return page{}, err
	}
	if owner != request {
		return page{}, fmt.Errorf("%w: it belongs to a request with other fields", engine.ErrInvalidPageToken)
	}
	if int(p.depth) > engine.Depth(int(p.depth)) || p.offset > p.depth {
		return page{}, engine.ErrInvalidPageToken
	}
	return p, nil
}

// parsePage reads a token, and the request that it is bound to, if nothing in it was changed.
func parsePage(token string, shards int) (p page, request uint64, err error) {
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(b) != 24+8*shards {
		return page{}, 0, engine.ErrInvalidPageToken
	}
	body := b[:len(b)-8]
	p = page{
		model: binary.LittleEndian.Uint64(b), depth: binary.LittleEndian.Uint32(b[8:]),
		offset: binary.LittleEndian.Uint32(b[12:]), revisions: make([]uint64, shards),
	}
	for i := range p.revisions {
		p.revisions[i] = binary.LittleEndian.Uint64(b[16+8*i:])
	}
	return p, binary.LittleEndian.Uint64(b[len(body):]) ^ xxhash.Sum64(body), nil
}

// begin is the page that a request asks for, of a model.
func (f *Front) begin(token string, request uint64, size int, model string) (page, error) {
	hash := xxhash.Sum64String(model)
	if token == "" {
		return page{model: hash, depth: uint32(engine.Depth(size)), revisions: make([]uint64, f.papers.Shards())}, nil
	}
	p, err := decodePage(token, request, f.papers.Shards())
	if err == nil && p.model != hash {
		err = fmt.Errorf("%w: another model serves since the first page; search again", engine.ErrPageExpired)
	}
	return p, err
}
