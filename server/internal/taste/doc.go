// Package taste recommends: it rates papers by how near they are to what someone likes, and to what they do not.
//
// # The recipe
//
// Somebody's interests are several, and no single vector stands for them: the mean of papers on two subjects is near to
// neither. So nothing is averaged that need not be. The likeness of like i and paper x is
//
//	s(i,x) = d cos(v_i, v_x) + (1-d) words(i,x)        d = .7
//
// where words is the BM25 of the like's words in x over their BM25 in the like itself, at most 1; a like without words
// has its cosine alone. The likes are sorted by falling s for each x, and count less from rank to rank r = 0, 1, ...:
//
//	b(x) = sum .4^r w s / sum .4^r w
//
// w the weight of the like. A paper that is very near to a few likes is so before one that is somewhat near to all,
// and an interest of few likes is not lost beside one of many. Only the first 32 ranks count: what is beyond them
// weighs nothing; and of more than 64 likes the words of the 32 nearest by cosine are looked at.
//
// Dislikes take away from where they are nearer than every like, and from nowhere else:
//
//	b(x) -= max(0, max over dislikes w s - max over likes s)
//
// so disliking the neighbour of a like does not destroy the like.
//
// Last, a paper that stands among good ones is better than one that stands alone: a share of the mean of its nearest
// neighbours among the best candidates is mixed in.
//
// # Candidates
//
// Rating all papers would be too slow, so they are looked for near the mean of the likes and near each like (Probes).
// With more than 50 likes, 50 of them are chosen that cover the others.
//
// Package taste knows vectors and words, not papers: the engine brings both, and the command eval measures the very
// same code. Decided by measurement: see server/docs/decisions.md.
package taste
