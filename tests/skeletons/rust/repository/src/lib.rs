pub fn add(a: i32, b: i32) -> i32 {
    a - b
}

#[cfg(test)]
mod tests {
    #[test]
    fn nothing() {
        assert_eq!(super::add(0, 0), 0);
    }
}
