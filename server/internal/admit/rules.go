package admit

import (
	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	reflectionv1alpha "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// Class is what kind of work a call is. A lower class goes before a higher one.
type Class uint8

// The classes.
const (
	Control     Class = iota // health, statistics: never waits and is never shed
	Interactive              // someone waits for it: a search, a paper
	Writing                  // waits for the disk more than for a core
	Batch                    // much at once; searches of high cost too
	Heavy                    // looks at every paper
	classes
)

// String is the class's name in logs and metrics.
func (c Class) String() string {
	return [...]string{"control", "interactive", "writing", "batch", "heavy"}[c]
}

// Rule says who may call a method and how it is admitted.
type Rule struct {
	// Role that the caller needs; 0: any caller, known or not.
	Role Role
	// Class before the message is known; its cost may move a call to a higher one.
	Class Class
	// Streams is true of calls whose response may take minutes: they hold a seat instead of a permit while they send.
	Streams bool
	// Elsewhere is true of work that the engine does in the background, under no permit of the call's.
	Elsewhere bool
	// Filtered is true where the handler binds the caller's forced filter. A method that has one and not the other is
	// refused to a caller with a filter.
	Filtered bool
	// Harmless is true where no paper is shown, counted or explained, so that a filter has nothing to bind.
	Harmless bool
}

var (
	permissionErrors = map[Role]error{
		Read:  needs(Read),
		Write: needs(Write),
		Admin: needs(Admin),
	}
	errFilterForced = Refuse(codes.PermissionDenied, ReasonFilterForced,
		"a filter is forced on this principal, and this method cannot be bound by it", 0)
	errNoRule = Refuse(codes.Unimplemented, reasonNoRule, "this server has no such method", 0)
)

func needs(r Role) error {
	return Refuse(codes.PermissionDenied, ReasonPermission, "this needs the role "+r.String(), 0)
}

// Rules has the rule of every method that the server offers. A method that is not here is refused.
var Rules = map[string]Rule{
	akinv1.PaperService_UpsertPaper_FullMethodName:       {Role: Write, Class: Writing},
	akinv1.PaperService_BatchUpsertPapers_FullMethodName: {Role: Write, Class: Batch},
	akinv1.PaperService_ImportPapers_FullMethodName:      {Role: Write, Class: Batch, Streams: true, Elsewhere: true},
	akinv1.PaperService_GetPaper_FullMethodName:          {Role: Read, Class: Interactive, Filtered: true},
	akinv1.PaperService_BatchGetPapers_FullMethodName:    {Role: Read, Class: Interactive, Filtered: true},
	akinv1.PaperService_ListPapers_FullMethodName:        {Role: Read, Class: Interactive, Filtered: true},
	akinv1.PaperService_DeletePaper_FullMethodName:       {Role: Write, Class: Writing},
	akinv1.PaperService_PurgePapers_FullMethodName:       {Role: Admin, Class: Heavy},
	akinv1.PaperService_ExportPapers_FullMethodName:      {Role: Read, Class: Heavy, Streams: true, Filtered: true},

	akinv1.SimilarityService_SearchPapers_FullMethodName:      {Role: Read, Class: Interactive, Filtered: true},
	akinv1.SimilarityService_BatchSearchPapers_FullMethodName: {Role: Read, Class: Batch, Filtered: true},
	akinv1.SimilarityService_RecommendPapers_FullMethodName:   {Role: Read, Class: Interactive, Filtered: true},
	akinv1.SimilarityService_ExplainSimilarity_FullMethodName: {Role: Read, Class: Interactive, Filtered: true},
	akinv1.SimilarityService_FindDuplicates_FullMethodName:    {Role: Read, Class: Heavy, Filtered: true},
	akinv1.SimilarityService_EmbedTexts_FullMethodName:        {Role: Read, Class: Interactive, Harmless: true},

	// Profiles are their caller's own and show ids that it named itself.
	akinv1.ProfileService_RecordEvents_FullMethodName:  {Role: Write, Class: Writing, Harmless: true},
	akinv1.ProfileService_GetProfile_FullMethodName:    {Role: Read, Class: Interactive, Harmless: true},
	akinv1.ProfileService_ListProfiles_FullMethodName:  {Role: Read, Class: Interactive, Harmless: true},
	akinv1.ProfileService_ListEvents_FullMethodName:    {Role: Read, Class: Interactive, Harmless: true},
	akinv1.ProfileService_DeleteProfile_FullMethodName: {Role: Write, Class: Writing, Harmless: true},

	// Subscriptions are their caller's own. A watch waits most of its time, and takes no permit.
	akinv1.AlertService_CreateSubscription_FullMethodName:  {Role: Read, Class: Writing, Filtered: true},
	akinv1.AlertService_GetSubscription_FullMethodName:     {Role: Read, Class: Interactive, Harmless: true},
	akinv1.AlertService_ListSubscriptions_FullMethodName:   {Role: Read, Class: Interactive, Harmless: true},
	akinv1.AlertService_UpdateSubscription_FullMethodName:  {Role: Read, Class: Writing, Filtered: true},
	akinv1.AlertService_DeleteSubscription_FullMethodName:  {Role: Read, Class: Writing, Harmless: true},
	akinv1.AlertService_PreviewSubscription_FullMethodName: {Role: Read, Class: Batch, Filtered: true},
	akinv1.AlertService_WatchMatches_FullMethodName: {
		Role: Read, Class: Interactive, Streams: true, Elsewhere: true, Filtered: true,
	},
	akinv1.AlertService_ListRisingPapers_FullMethodName: {Role: Read, Class: Heavy, Filtered: true},

	// GetIndexStats counts every paper: no filter binds it.
	akinv1.IndexService_GetIndexStats_FullMethodName:  {Role: Read, Class: Control},
	akinv1.IndexService_TrainModel_FullMethodName:     {Role: Admin, Class: Heavy, Streams: true, Elsewhere: true},
	akinv1.IndexService_EvaluateRecall_FullMethodName: {Role: Read, Class: Heavy, Filtered: true},
	akinv1.IndexService_GetMap_FullMethodName:         {Role: Read, Class: Heavy, Streams: true, Filtered: true},
	akinv1.IndexService_Backup_FullMethodName:         {Role: Admin, Class: Heavy, Streams: true},

	healthv1.Health_Check_FullMethodName: {Class: Control, Harmless: true},
	healthv1.Health_Watch_FullMethodName: {Class: Control, Streams: true, Harmless: true},
	healthv1.Health_List_FullMethodName:  {Class: Control, Harmless: true},

	reflectionv1.ServerReflection_ServerReflectionInfo_FullMethodName:      reflection,
	reflectionv1alpha.ServerReflection_ServerReflectionInfo_FullMethodName: reflection,
}

// reflection is the rule of reading the contract, in both versions of that service.
var reflection = Rule{Role: Read, Class: Control, Streams: true, Harmless: true}

// Permits reports whether a principal may call a method at all, and why not. It looks at roles and filter alone.
func (r Rule) Permits(p *Principal) error {
	switch {
	case r.Role == 0:
		return nil
	case p.Roles&r.Role == 0:
		return permissionErrors[r.Role]
	case p.Filter != nil && !r.Filtered && !r.Harmless:
		return errFilterForced
	}
	return nil
}
