//! Files of columns between tabs, whose first line names them.

/// The lines of a file. Blank lines and comments are passed over: a comment is `#` by itself, or begins with
/// `#` and a blank. A name may begin with `#`, too.
pub(crate) struct Tsv<'b> {
    head: (usize, Vec<&'b str>),
    rows: Vec<(usize, Vec<&'b str>)>,
}

impl<'b> Tsv<'b> {
    /// # Errors
    /// Says which line cannot be read.
    pub(crate) fn read(bytes: &'b [u8]) -> Result<Self, String> {
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        let mut lines = Vec::new();
        for (text, line) in bytes.split(|byte| *byte == b'\n').zip(1..) {
            let text = std::str::from_utf8(text.strip_suffix(b"\r").unwrap_or(text))
                .map_err(|_| format!("line {line} is not UTF-8 text"))?;
            let is_comment = text == "#" || text.starts_with("# ");
            if !text.trim().is_empty() && !is_comment {
                lines.push((line, text.split('\t').map(str::trim).collect()));
            }
        }
        let mut lines = lines.into_iter();
        let head = lines.next().ok_or("the file is empty")?;
        Ok(Self { head, rows: lines.collect() })
    }

    /// The place of the column `name`, where there is one.
    ///
    /// # Errors
    /// When there are two.
    pub(crate) fn optional(&self, name: &str) -> Result<Option<usize>, String> {
        let (line, names) = &self.head;
        let mut found = (0..names.len()).filter(|index| names[*index] == name);
        match (found.next(), found.next()) {
            (Some(_), Some(_)) => Err(format!("line {line} names two columns `{name}`")),
            (found, _) => Ok(found),
        }
    }

    /// The places of the columns `names`.
    ///
    /// # Errors
    /// When one is missing or there are two.
    pub(crate) fn required<const N: usize>(&self, names: [&str; N]) -> Result<[usize; N], String> {
        let mut places = [0; N];
        for (place, name) in places.iter_mut().zip(names) {
            *place = self.optional(name)?.ok_or_else(|| {
                let (line, all) = (self.head.0, names.join(", "));
                format!(
                    "line {line} names no column `{name}`; the first line names the columns \
                     {all}, with tabs between them"
                )
            })?;
        }
        Ok(places)
    }

    /// What `read` makes of each row: of its line's number, its fields at `columns`, and all its fields.
    ///
    /// # Errors
    /// When there is no row, a row is too short, or as `read`.
    pub(crate) fn rows<const N: usize, T>(
        &self,
        columns: [usize; N],
        mut read: impl FnMut(usize, [&'b str; N], &[&'b str]) -> Result<T, String>,
    ) -> Result<Vec<T>, String> {
        if self.rows.is_empty() {
            return Err("the file has no line below that of the names".to_owned());
        }
        let rows = self.rows.iter().map(|(line, fields)| {
            let mut wanted = [""; N];
            for (wanted, column) in wanted.iter_mut().zip(columns) {
                let field = fields.get(column);
                *wanted = field.ok_or_else(|| format!("line {line} has too few columns"))?;
            }
            read(*line, wanted, fields)
        });
        rows.collect()
    }
}

/// The start of a foreign text, for a message.
pub(crate) fn short(text: &str) -> String {
    text.chars().take(40).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_begins_with_a_hash_is_no_comment() {
        let tsv = Tsv::read(b"# made by hand\n#\r\npath\tn\n#1.jpg\t1\n# x\t2\n#\t3\n#\n").unwrap();
        let columns = tsv.required(["path", "n"]).unwrap();
        let rows = tsv.rows(columns, |line, [path, n], _| Ok((line, path, n)));
        assert_eq!(rows.unwrap(), [(4, "#1.jpg", "1"), (6, "#", "3")]);
    }
}
