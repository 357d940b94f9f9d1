package service

import "time"

// Limits of the contract, as the comments of akin.v1 state them. Sizes are bytes of UTF-8.
const (
	maxIDBytes        = 256
	maxTitleBytes     = 2 << 10
	maxAbstractBytes  = 64 << 10
	maxAuthors        = 1000
	maxAuthorBytes    = 512
	maxCategories     = 64
	maxCategoryBytes  = 128
	maxURLBytes       = 2 << 10
	maxDOIBytes       = 256
	maxAttributes     = 64
	maxAttributeName  = 64
	maxAttributeBytes = 1 << 10

	maxBatchPapers   = 1000 // papers of one BatchUpsertPapers, ids of one BatchGetPapers
	maxBatchSearches = 100
	maxBatchTexts    = 1000

	maxTextBytes      = 64 << 10
	maxFilterBytes    = 4 << 10
	maxModelBytes     = 64
	maxPageTokenBytes = 1 << 10
	maxVectorDims     = 1 << 16
	maxEf             = 4096
	maxOneIn          = 1_000_000
	minHalfLife       = time.Hour

	maxLikes    = 1000
	maxDislikes = 1000
	maxExcluded = 10_000
	maxWeight   = 1000

	maxEvents        = 1000 // of one RecordEvents
	maxEventIDBytes  = 128
	maxShownRest     = 100 * 365 * 24 * time.Hour
	defaultShownRest = 30 * 24 * time.Hour

	defaultHits      = 10
	defaultListed    = 100
	maxPageSize      = 1000
	defaultTerms     = 20
	maxTerms         = 200
	minDuplicate     = .5
	defaultDuplicate = .95
	maxEpochs        = 100
	defaultRecall    = 200 // queries of one EvaluateRecall
	maxRecall        = 10_000
	defaultRecallK   = 10
	maxRecallK       = 1000
	defaultSeed      = 1
	maxMapPapers     = 10_000_000
	maxStreamedBytes = 1 << 20 // of one message of ExportPapers and Backup
)

// maxResponseBytes is where unary responses are cut: generic clients refuse messages over 4 MiB. A variable, so that
// tests need no large corpus to reach it.
var maxResponseBytes = 3 << 20
