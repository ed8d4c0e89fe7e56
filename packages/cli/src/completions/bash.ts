/** For bash 3.2 and later. It runs nothing but `keyhold`: no `eval`, and no `compgen -W`, which expands what a name holds. */
export const bashCompletion: string = String.raw`# bash completion for keyhold
_keyhold() {
  local line="\${COMP_LINE:0:COMP_POINT}" current="" kept="" value meaning
  local -a words
  # Bash itself splits words at : and =, which references are full of.
  read -ra words <<< "$line"
  case "$line" in
    *[[:space:]]) words+=("") ;;
    *) current="\${words[\${#words[@]} - 1]}" ;;
  esac
  # What stands before the last : or = is on the line already.
  case "$current" in
    *[:=]*) kept="\${current%"\${current##*[:=]}"}" ;;
  esac
  COMPREPLY=()
  while IFS=$'\t' read -r value meaning; do
    if [ "$value" = ":files" ]; then
      compopt -o default 2>/dev/null
      return 0
    fi
    case "$value" in
      *://) compopt -o nospace 2>/dev/null ;;
    esac
    COMPREPLY+=("\${value#"$kept"}")
  done < <(command keyhold __complete "\${words[@]:1}" 2>/dev/null)
}
complete -F _keyhold keyhold
`.replaceAll("\\$", "$");
