package service

import (
	"google.golang.org/protobuf/types/known/timestamppb"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
	"github.com/akin-search/akin/server/internal/admit"
	"github.com/akin-search/akin/server/internal/engine"
)

// GetMap streams the map. Its papers are chosen before the first message goes out; a slow client holds up nothing.
func (s *Server) GetMap(req *akinv1.GetMapRequest, stream akinv1.IndexService_GetMapServer) error {
	ctx := stream.Context()
	q, err := decodeMap(req)
	if err != nil {
		return err
	}
	if ctx, err = s.await(ctx, req); err != nil {
		return err
	}
	q.Filter, q.NoLabels = scoped(ctx, q.Filter), admit.PrincipalOf(ctx).Filter != nil
	return s.engine().Map(ctx, q, func(info engine.MapInfo) error {
		return stream.Send(&akinv1.GetMapResponse{Piece: &akinv1.GetMapResponse_Info{Info: encodeMapInfo(info)}})
	}, func(p *engine.MapPapers) error {
		return stream.Send(&akinv1.GetMapResponse{Piece: &akinv1.GetMapResponse_Papers{Papers: &akinv1.MapPapers{
			Ids: p.IDs, X: p.X, Y: p.Y, Years: p.Years, Groups: p.Groups,
		}}})
	})
}

func decodeMap(req *akinv1.GetMapRequest) (engine.MapQuery, error) {
	var c validator
	q := engine.MapQuery{
		Filter:    c.filter("filter", req.GetFilter()),
		Group:     req.GetGroupBy(),
		MaxPapers: c.choice("max_papers", req.GetMaxPapers(), 0, 1, maxMapPapers),
	}
	c.size("group_by", q.Group, maxAttributeName)
	return q, c.err()
}

func encodeMapInfo(info engine.MapInfo) *akinv1.MapInfo {
	m := &akinv1.MapInfo{
		Position: encodePosition(info.Position), Drawing: info.Number, ModelFingerprint: info.Model,
		CreateTime: timestamppb.New(info.CreateTime),
		Papers:     int32(info.Papers), Found: int32(info.Found), Groups: info.Groups,
	}
	for _, level := range info.Levels {
		l := &akinv1.MapLevel{Pixels: int32(level.Pixels)}
		for _, label := range level.Labels {
			l.Labels = append(l.Labels, &akinv1.MapLabel{
				X: int32(label.At.X), Y: int32(label.At.Y), Text: label.Text, Papers: int32(label.Points),
			})
		}
		m.Levels = append(m.Levels, l)
	}
	return m
}
