# Completion of pype and the pype-* programs for bash. The programs say themselves what they take: --complete prints a
# line per option, spellings TAB value TAB help, and `pype --help` names the commands and tools.

_pype() {
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
	local command=("${COMP_WORDS[0]}") options value

	COMPREPLY=()
	# bash cuts "--word=value" into three words.
	if [ "$current" = = ]; then
		current=
	elif [ "$previous" = = ]; then
		previous=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	# "pype run …", "pype TOOL …"
	if [ "${command##*/}" = pype ] && [[ $COMP_CWORD -gt 1 && ${COMP_WORDS[1]} != -* ]]; then
		command+=("${COMP_WORDS[1]}")
	fi
	options=$("${command[@]}" --complete 2>/dev/null) || return
	value=$(awk -F '\t' -v word="$previous" '
		{ n = split($1, words, ","); for (i = 1; i <= n; i++) if (words[i] == word) print $2 }' <<<"$options")
	case $value in
	'') ;;
	*'|'*)
		mapfile -t COMPREPLY < <(compgen -W "${value//|/ }" -- "$current")
		return
		;;
	*) return ;; # a file name, as far as bash is concerned
	esac
	if [[ $current == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(cut -f 1 <<<"$options" | tr ',' ' ')" -- "$current")
	elif [ "${command##*/}" = pype ] && { [ "$COMP_CWORD" = 1 ] || [[ $COMP_CWORD = 2 && $previous = help ]]; }; then
		mapfile -t COMPREPLY < <(compgen -W "$("${command[0]}" --help | sed -n "s/^  \([a-z][a-z-]*\) .*/\1/p")" -- "$current")
	fi
}

# shellcheck disable=SC2046 # the names are words
complete -o bashdefault -o default -F _pype pype $(compgen -c pype-)
