package akintest

import (
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// GetMap implements akinv1.IndexServiceServer. It lays the papers in rows of ten by their order of ids, in groups by
// their first category, with one label.
func (s *Server) GetMap(req *akinv1.GetMapRequest, stream grpc.ServerStreamingServer[akinv1.GetMapResponse]) error {
	if err := s.await(req); err != nil {
		return err
	}
	all, err := s.accepted("filter", req.GetFilter())
	if err != nil {
		return err
	}
	columns := &akinv1.MapPapers{}
	info := &akinv1.MapInfo{Position: s.lastPosition(), Drawing: 1, ModelFingerprint: Model,
		CreateTime: timestamppb.New(time.Unix(1e9, 0))}
	numbers := map[string]uint32{}
	for _, p := range all {
		i := uint32(info.Found)
		if info.Found++; req.GetMaxPapers() > 0 && info.GetFound() > req.GetMaxPapers() {
			continue
		}
		group := uint32(0)
		if req.GetGroupBy() == "" && len(p.GetCategories()) > 0 {
			name := p.GetCategories()[0]
			if numbers[name] == 0 {
				info.Groups = append(info.Groups, name)
				numbers[name] = uint32(len(info.Groups))
			}
			group = numbers[name]
		}
		columns.Ids = append(columns.Ids, p.GetId())
		columns.X, columns.Y = append(columns.X, 1+i%10*1000), append(columns.Y, 1+i/10*1000)
		year := int32(0)
		if t := p.GetPublishTime(); t != nil {
			year = int32(t.AsTime().Year())
		}
		columns.Years, columns.Groups = append(columns.Years, year), append(columns.Groups, group)
	}
	info.Papers = int32(len(columns.Ids))
	info.Levels = []*akinv1.MapLevel{{Pixels: 600, Labels: []*akinv1.MapLabel{{X: 5000, Y: 1000, Text: "papers",
		Papers: info.Found}}}}
	if err := stream.Send(&akinv1.GetMapResponse{Piece: &akinv1.GetMapResponse_Info{Info: info}}); err != nil {
		return err
	}
	return stream.Send(&akinv1.GetMapResponse{Piece: &akinv1.GetMapResponse_Papers{Papers: columns}})
}
