export const zshCompletion: string = String.raw`#compdef keyhold
_keyhold() {
  local value meaning
  local -a values meanings open openMeanings
  while IFS=$'\t' read -r value meaning; do
    case "$value" in
      :files) _files; return ;;
      *://) open+=("$value"); openMeanings+=("$value") ;;
      *) values+=("$value"); meanings+=("$value\${meaning:+  -- $meaning}") ;;
    esac
  done < <(command keyhold __complete "\${(@Q)words[2,CURRENT]}" 2>/dev/null)
  (( \${#open} )) && compadd -S '' -d openMeanings -a open
  (( \${#values} )) && compadd -l -d meanings -a values
}
compdef _keyhold keyhold
`.replaceAll("\\$", "$");
