package source

import "strings"

// accents holds the combining character of each LaTeX accent command.
var accents = map[string]rune{
	"`": 0x0300, "'": 0x0301, "^": 0x0302, "~": 0x0303, "=": 0x0304, "u": 0x0306, ".": 0x0307, `"`: 0x0308, "r": 0x030a,
	"H": 0x030b, "v": 0x030c, "d": 0x0323, "c": 0x0327, "k": 0x0328, "b": 0x0331,
}

// mathAccents are the accents of formulas; their argument is kept and the accent is not.
const mathAccents = "hat widehat bar overline tilde widetilde vec dot ddot check breve acute grave underbar " +
	"overrightarrow overbrace underbrace"

// letters holds LaTeX commands that stand for a letter or sign: of text, of formulas, and those that Zotero, Mendeley
// and Crossref write for signs.
var letters = pairs(`
ss ß SS ẞ ae æ AE Æ oe œ OE Œ o ø O Ø l ł L Ł aa å
AA Å i ı j ȷ dh ð DH Ð th þ TH Þ dj đ DJ Đ ng ŋ NG Ŋ
S § P ¶ pounds £ textsterling £ euro € texteuro € copyright © textcopyright ©
textregistered ® texttrademark ™ textdegree ° degree ° degrees °
dots … ldots … cdots ⋯ textellipsis … textendash – textemdash —
textquoteleft ‘ textquoteright ’ textquotedblleft “
textquotedblright ” textquotesingle ' textquotedbl " textbackslash \ backslash \
textasciitilde ~ textasciicircum ^ textasciigrave ` + "`" + `
textunderscore _ slash / textless < textgreater > textbar | textdollar $
textpercent % textbraceleft { textbraceright } lbrace { rbrace }
lbrack [ rbrack ] guillemotleft « guillemotright » guilsinglleft ‹ guilsinglright ›
quotedblbase „ quotesinglbase ‚ textbullet • bullet •
textperiodcentered · textmu μ textohm Ω textpm ± texttimes × textonehalf ½
textonequarter ¼ textthreequarters ¾ textexclamdown ¡ textquestiondown ¿
textordfeminine ª textordmasculine º textcelsius ℃ checkmark ✓ less <
greater > lt < gt > mathsemicolon ; mathplus + mathcolon : mathequal =
mathhyphen - percent % ampersand & mathdollar $ TeX TeX LaTeX LaTeX
alpha α beta β gamma γ delta δ epsilon ε varepsilon ε zeta ζ eta η theta θ
vartheta θ iota ι kappa κ varkappa κ lambda λ mu μ nu ν xi ξ
omicron ο pi π varpi π rho ρ varrho ρ sigma σ varsigma ς
tau τ upsilon υ phi φ varphi φ chi χ psi ψ omega ω
Gamma Γ Delta Δ Theta Θ Lambda Λ Xi Ξ Pi Π Sigma Σ Upsilon Υ Phi Φ Psi Ψ Omega Ω
textalpha α textbeta β textgamma γ textdelta δ textepsilon ε textkappa κ textlambda λ textomega ω texttau τ
pm ± mp ∓ times × div ÷ cdot · ast * star ⋆ circ ∘ oplus ⊕ otimes ⊗
wedge ∧ vee ∨ cap ∩ cup ∪ setminus ∖ leq ≤ le ≤ geq ≥ ge ≥
leqslant ≤ geqslant ≥ neq ≠ ne ≠ equiv ≡ sim ~ simeq ≃ approx ≈ cong ≅ propto ∝
ll ≪ gg ≫ lesssim ≲ gtrsim ≳ prec ≺ succ ≻ in ∈ notin ∉ ni ∋
subset ⊂ subseteq ⊆ supset ⊃ supseteq ⊇ to → rightarrow → leftarrow ←
leftrightarrow ↔ Rightarrow ⇒ Leftarrow ⇐ Leftrightarrow ⇔ mapsto ↦
longrightarrow → uparrow ↑ downarrow ↓ infty ∞ partial ∂ nabla ∇ forall ∀
exists ∃ emptyset ∅ varnothing ∅ neg ¬ sum ∑ prod ∏ int ∫ oint ∮
perp ⊥ parallel ∥ mid | langle ⟨ rangle ⟩ lfloor ⌊ rfloor ⌋ lceil ⌈ rceil ⌉
prime ′ dagger † dag † ddagger ‡ ddag ‡ ell l hbar ħ Re ℜ Im ℑ
aleph ℵ angle ∠ triangle △ square □ sharp ♯ flat ♭ surd √ colon :
vert | Vert ‖ micro μ celsius ℃ ohm Ω angstrom Å Angstrom Å`)

// pairs makes a map of words that stand in turns: a name and what it stands for.
func pairs(list string) map[string]string {
	words := strings.Fields(list)
	m := make(map[string]string, len(words)/2)
	for i := 0; i+1 < len(words); i += 2 {
		m[words[i]] = words[i+1]
	}
	for _, space := range []string{"newline", "par", "quad", "qquad", "space", "thinspace", "enspace", "hfill"} {
		m[space] = " "
	}
	return m
}

// words makes a set of the words of a list.
func words(list string) map[string]bool {
	set := make(map[string]bool)
	for _, w := range strings.Fields(list) {
		set[w] = true
	}
	return set
}

// styles are commands that only change how their argument, or what follows, looks.
var styles = words(`emph textit textbf texttt textsc textsf textrm textsl textup textmd text mbox hbox fbox url
	underline enquote uppercase lowercase MakeUppercase MakeLowercase it bf tt em sc rm sl sf itshape bfseries scshape
	normalfont rmfamily ttfamily textnormal protect relax noopsort textsubscript ensuremath nolinkurl path mathrm mathbf
	mathit mathsf mathtt mathcal mathbb mathfrak mathscr boldsymbol bm mathnormal operatorname mathop mathbin mathrel
	displaystyle textstyle scriptstyle limits nolimits left right big Big bigl bigr Bigl Bigr bigg Bigg tiny small large
	Large footnotesize scriptsize centering noindent ce ` + mathAccents)

// dropped are commands whose argument is no part of the text.
var dropped = words(`cite citep citet citealp citeauthor citeyear nocite ref eqref autoref label footnote footnotetext
	thanks vspace hspace begin end color includegraphics pagestyle bibitem phantom vphantom hphantom`)

// functions are names that formulas set upright.
var functions = words(`log ln exp sin cos tan cot sinh cosh tanh arcsin arccos arctan min max sup inf lim det dim ker
	deg gcd arg mod bmod Pr`)
