package service

import (
	"context"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// drawnMap asks for the map until the server has drawn one, and returns what it is and all its papers.
func (r *rig) drawnMap(ctx context.Context, t *testing.T, req *akinv1.GetMapRequest) (*akinv1.MapInfo,
	*akinv1.MapPapers) {
	t.Helper()
	for {
		stream, err := r.index.GetMap(ctx, req)
		if err != nil {
			t.Fatal(err)
		}
		pieces, err := drained(stream.Recv)
		if status.Code(err) == codes.FailedPrecondition {
			wantStatus(t, err, codes.FailedPrecondition, "NO_MAP")
			time.Sleep(20 * time.Millisecond)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		info, all := pieces[0].GetInfo(), &akinv1.MapPapers{}
		for _, piece := range pieces[1:] {
			p := piece.GetPapers()
			all.Ids, all.X, all.Y = append(all.GetIds(), p.GetIds()...), append(all.GetX(), p.GetX()...), append(all.GetY(),
				p.GetY()...)
			all.Years, all.Groups = append(all.GetYears(), p.GetYears()...), append(all.GetGroups(), p.GetGroups()...)
		}
		n := len(all.GetIds())
		if int(info.GetPapers()) != n || len(all.GetX()) != n || len(all.GetY()) != n || len(all.GetYears()) != n ||
			len(all.GetGroups()) != n {
			t.Fatalf("%d papers are said to come, columns have %d, %d, %d, %d, %d", info.GetPapers(), n, len(all.GetX()),
				len(all.GetY()),
				len(all.GetYears()), len(all.GetGroups()))
		}
		return info, all
	}
}

func TestTheMapComesAsColumns(t *testing.T) {
	r, ctx := newSampleRig(t)
	info, all := r.drawnMap(ctx, t, &akinv1.GetMapRequest{})
	if info.GetDrawing() == 0 || info.GetModelFingerprint() == "" || info.GetPosition().GetRevision() == 0 ||
		info.GetFound() != info.GetPapers() ||
		info.GetPapers() < 32 || len(info.GetLevels()) < 3 {
		t.Errorf("the map is %v", info)
	}
	for i := range all.GetIds() {
		if x, y := all.GetX()[i], all.GetY()[i]; x < 1 || y < 1 || x > 65535 || y > 65535 {
			t.Fatalf("paper %d lies at %d, %d", i, x, y)
		}
	}
	for i, level := range info.GetLevels() {
		if i > 0 && level.GetPixels() <= info.GetLevels()[i-1].GetPixels() {
			t.Errorf("level %d is no finer than the one before", i)
		}
	}
	few, some := r.drawnMap(ctx, t, &akinv1.GetMapRequest{MaxPapers: 10})
	if len(some.GetIds()) != 10 || few.GetFound() != info.GetFound() {
		t.Errorf("%d papers of %d", len(some.GetIds()), few.GetFound())
	}
	one, alone := r.drawnMap(ctx, t, &akinv1.GetMapRequest{Filter: `id = "` + all.GetIds()[3] + `"`})
	if !slices.Equal(alone.GetIds(), all.GetIds()[3:4]) || one.GetFound() != 1 || alone.GetX()[0] != all.GetX()[3] {
		t.Errorf("one paper is %v", alone)
	}
}
