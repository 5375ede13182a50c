/*M!999999\- enable the sandbox mode */
-- MariaDB dump
CREATE TABLE `a` (
  `b` int
);
INSERT INTO `a` VALUES
(1,'x;'),
(2,')\n');
/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`localhost`*/ /*!50003 TRIGGER t AFTER INSERT ON a FOR EACH ROW SET @x=1 */;;
CREATE TABLE `e` (
-- Dump completed
